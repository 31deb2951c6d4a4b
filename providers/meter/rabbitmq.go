package meter

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// alive are the states of a queue that says how many messages it has. One that is stopped or crashed, as all of a virtual host are that had an error on
// its disk, says 0.
var alive = []string{"running", "idle", "flow", "syncing"}

func (s Source) vhost() string { return cmp.Or(s.VHost, defaultVHost) }

// column returns the field of a queue that has the messages that count. What is ready and what is unacknowledged add up to what is in "messages".
func (s Source) column() string {
	switch s.Count {
	case countReady:
		return "messages_ready"
	case countUnacknowledged:
		return "messages_unacknowledged"
	}
	return "messages"
}

// rabbitMQ asks the management API of RabbitMQ for the one number that is wanted, and whether to believe it.
func (q question) rabbitMQ(ctx context.Context) (float64, error) {
	address := fmt.Sprintf("%s/api/queues/%s/%s?columns=state,%s", strings.TrimRight(q.URL, "/"), url.PathEscape(q.vhost()), url.PathEscape(q.Queue), q.column())
	a, err := q.get(ctx, address)
	if err != nil {
		return 0, err
	}
	return parseQueue(a, q.Source)
}

// parseQueue returns the messages of a queue. A field that lacks is not 0: the queue may be too new, or its node down.
func parseQueue(a answer, s Source) (float64, error) {
	var queue map[string]any
	err := json.Unmarshal(a.body, &queue)
	reason, _ := queue["reason"].(string)
	switch {
	case a.status == http.StatusNotFound && reason != "":
		return 0, fmt.Errorf("there is no queue %q in the virtual host %q", s.Queue, s.vhost())
	case a.status != http.StatusOK:
		return 0, a.refused(reason)
	case err != nil:
		return 0, errNoJSON
	}
	messages, known := queue[s.column()].(float64)
	state, _ := queue["state"].(string)
	switch {
	case state != "" && !slices.Contains(alive, state):
		return 0, fmt.Errorf("the queue is in the state %q, in which nobody knows its messages", shorten(state))
	case !known || state == "":
		return 0, fmt.Errorf("there is no %q, or no state, in what RabbitMQ says of the queue: it is too new, its node is down, or statistics are switched off", s.column())
	}
	return messages, nil
}
