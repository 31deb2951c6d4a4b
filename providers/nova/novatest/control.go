package novatest

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"
)

// ServerSpec describes a server that a test puts into the cloud.
type ServerSpec struct {
	Name     string
	Metadata map[string]string // not checked
	Status   string            // default ACTIVE
	Locked   bool
	Project  string // default that of the first user
}

// Info is a server as the test's side sees it.
type Info struct {
	ID       string
	Region   string
	Name     string
	Project  string
	Status   string
	Locked   bool
	Metadata map[string]string
}

// AddServer puts a server into a region of the cloud and returns its id. Ids repeat from one run to the next. An unknown region or status
// is a mistake of the test, so it panics.
func (c *Cloud) AddServer(region string, spec ServerSpec) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !slices.Contains(c.options.Regions, region) {
		panic(fmt.Sprintf("novatest: no region %q", region))
	}
	first := c.options.Users[0]
	s := &server{
		Region: region, Project: spec.Project, User: first.Name, Name: spec.Name, Flavor: "1", Image: image,
		Status: spec.Status, Locked: spec.Locked, Metadata: copied(spec.Metadata),
	}
	if s.Project == "" {
		s.Project = first.Project
	}
	if s.Status == "" {
		s.Status = "ACTIVE"
	}
	mustKnow(s.Status)
	c.add(s)
	return s.ID
}

// copied is maps.Clone, but never nil.
func copied(m map[string]string) map[string]string {
	whole := make(map[string]string, len(m))
	maps.Copy(whole, m)
	return whole
}

// change calls f with a server, under the lock. An unknown id is a mistake of the test, so it panics.
func (c *Cloud) change(id string, f func(*server)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	i, known := c.byID[id]
	if !known {
		panic(fmt.Sprintf("novatest: no server %q", id))
	}
	c.settle(c.servers[i])
	f(c.servers[i])
}

func mustKnow(status string) {
	if vm, _ := vmState(status); vm == "" {
		panic(fmt.Sprintf("novatest: no status %q", status))
	}
}

// SetStatus gives a server a status, such as SHUTOFF, with the vm_state and task_state that go with it. It panics at an unknown id, as the
// other methods here do.
func (c *Cloud) SetStatus(id, status string) {
	mustKnow(status)
	c.change(id, func(s *server) { s.Status, s.Updated, s.Ready = status, c.options.Now(), time.Time{} })
}

// Lock locks a server against all but administrators, or unlocks it.
func (c *Cloud) Lock(id string, locked bool) {
	c.change(id, func(s *server) { s.Locked = locked })
}

// Delete deletes a server. Its id stays known as a marker.
func (c *Cloud) Delete(id string) {
	c.SetStatus(id, deleted)
}

// SetMetadata replaces a server's metadata, whatever its state, as another user might.
func (c *Cloud) SetMetadata(id string, metadata map[string]string) {
	c.change(id, func(s *server) { s.Metadata, s.Updated = copied(metadata), c.options.Now() })
}

// Metadata returns a copy of a server's metadata.
func (c *Cloud) Metadata(id string) map[string]string {
	var m map[string]string
	c.change(id, func(s *server) { m = copied(s.Metadata) })
	return m
}

// Servers returns the servers of all regions that are not deleted, oldest first.
func (c *Cloud) Servers() []Info {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []Info
	for _, s := range c.servers {
		c.settle(s)
		if s.Status != deleted {
			all = append(all, Info{s.ID, s.Region, s.Name, s.Project, s.Status, s.Locked, copied(s.Metadata)})
		}
	}
	return all
}

// AddCredential adds an application credential, under a new id and a new name, and returns the id.
func (c *Cloud) AddCredential(credential Credential) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.serial++
	credential.ID = identifier("credential", fmt.Sprint(c.serial))
	credential.Name = credential.ID
	c.options.Credentials = append(c.options.Credentials, credential)
	return credential.ID
}

// saved is what Save writes.
type saved struct {
	Serial  int       `json:"serial"`
	Servers []*server `json:"servers"`
}

// Save writes the servers as JSON. Tokens, faults and the log are not saved.
func (c *Cloud) Save(w io.Writer) error {
	c.mu.Lock()
	text, err := json.MarshalIndent(saved{c.serial, c.servers}, "", "\t")
	c.mu.Unlock()
	if err != nil {
		return fmt.Errorf("cannot encode servers: %w", err)
	}
	if _, err := w.Write(append(text, '\n')); err != nil {
		return fmt.Errorf("cannot save servers: %w", err)
	}
	return nil
}

// Load replaces the servers by those that Save wrote.
func (c *Cloud) Load(r io.Reader) error {
	var s saved
	if err := json.NewDecoder(r).Decode(&s); err != nil {
		return fmt.Errorf("cannot load servers: %w", err)
	}
	byID := make(map[string]int, len(s.Servers))
	for i, one := range s.Servers {
		if !slices.Contains(c.options.Regions, one.Region) {
			return fmt.Errorf("cannot load server %q: no region %q", one.Name, one.Region)
		}
		one.Metadata = copied(one.Metadata)
		byID[one.ID] = i
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.serial, c.servers, c.byID = s.Serial, s.Servers, byID
	return nil
}
