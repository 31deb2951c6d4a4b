package state

import "context"

// LastDeployed returns, by service, the newest attempt that deployed it or that recorded what is deployed, whether every stamp of it was written or not.
// A nil journal knows of none.
func (j *Journal) LastDeployed(ctx context.Context) (map[string]Attempt, error) {
	attempts, err := j.attempts(ctx, `id IN (SELECT MAX(id) FROM attempts WHERE size = '' AND (result IN ('deployed', 'recorded') OR deployed = 1) GROUP BY service)`)
	found := make(map[string]Attempt, len(attempts))
	for _, a := range attempts {
		found[a.Service] = a
	}
	return found, err
}
