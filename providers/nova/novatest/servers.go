package novatest

import (
	"fmt"
	"net/http"
	"time"
)

// server is one machine. Its metadata is never changed in place but replaced, so that an answer may hold on to it.
type server struct {
	ID       string            `json:"id"`
	Region   string            `json:"region"`
	Project  string            `json:"project"`
	User     string            `json:"user"`
	Name     string            `json:"name"`
	Flavor   string            `json:"flavor"`
	Image    string            `json:"image,omitempty"`
	Status   string            `json:"status"`
	Locked   bool              `json:"locked,omitempty"`
	Metadata map[string]string `json:"metadata"`
	Created  time.Time         `json:"created"`
	Updated  time.Time         `json:"updated"`
	Ready    time.Time         `json:"ready,omitzero"` // when it becomes ACTIVE by itself; zero: it does not
}

const deleted = "DELETED"

// vmState returns what nova calls vm_state and task_state in a status; of an unknown status, nothing.
func vmState(status string) (vm, task string) {
	switch status {
	case "ACTIVE":
		return "active", ""
	case "BUILD":
		return "building", "spawning"
	case "SHUTOFF":
		return "stopped", ""
	case "PAUSED":
		return "paused", ""
	case "SUSPENDED":
		return "suspended", ""
	case "RESIZE":
		return "active", "resize_prep"
	case "REBUILD":
		return "active", "rebuilding"
	case "ERROR":
		return "error", ""
	case "VERIFY_RESIZE":
		return "resized", ""
	case "RESCUE":
		return "rescued", ""
	case "SHELVED":
		return "shelved", ""
	case "SHELVED_OFFLOADED":
		return "shelved_offloaded", ""
	case "SOFT_DELETED":
		return "soft-delete", ""
	case deleted:
		return "deleted", ""
	}
	return "", ""
}

// settle lets a server that boots become ACTIVE when its time has come.
func (c *Cloud) settle(s *server) {
	if s.Ready.IsZero() || c.options.Now().Before(s.Ready) {
		return
	}
	s.Status, s.Updated, s.Ready = "ACTIVE", s.Ready, time.Time{}
}

// add gives s an id and its times, and keeps it.
func (c *Cloud) add(s *server) {
	c.serial++
	id := identifier("server", fmt.Sprint(c.serial))
	s.ID = fmt.Sprintf("%s-%s-4%s-8%s-%s", id[:8], id[8:12], id[13:16], id[17:20], id[20:])
	s.Created = c.options.Now()
	s.Updated = s.Created
	c.byID[s.ID] = len(c.servers)
	c.servers = append(c.servers, s)
}

// sees says whether the caller may know of s.
func (k *call) sees(s *server) bool {
	return s.Region == k.reg && (s.Project == k.token.user.Project || k.token.user.Admin)
}

// find returns the server of that id, if it is the caller's and not deleted.
func (k *call) find(id string) (*server, error) {
	i, known := k.byID[id]
	if !known || !k.sees(k.servers[i]) || k.servers[i].Status == deleted {
		return nil, fail(http.StatusNotFound, "Instance %s could not be found.", id)
	}
	k.settle(k.servers[i])
	return k.servers[i], nil
}

func (k *call) checkLock(s *server) error {
	if s.Locked && !k.token.user.Admin {
		return fail(http.StatusConflict, "Instance %s is locked", s.ID)
	}
	return nil
}

func (k *call) routeServer(id string) (answer, error) {
	switch k.r.Method {
	case http.MethodGet:
		s, err := k.find(id)
		if err != nil {
			return answer{}, err
		}
		return ok(map[string]any{"server": k.view(s)}), nil
	case http.MethodPut:
		return k.rename(id)
	case http.MethodDelete:
		return k.remove(id)
	}
	return answer{}, notFound()
}

// rename is nova's update of a server, of which the name is all that is kept.
func (k *call) rename(id string) (answer, error) {
	body, err := k.member("server")
	if err != nil {
		return answer{}, err
	}
	for key := range body {
		if key != "name" {
			return answer{}, fail(http.StatusBadRequest, "Additional properties are not allowed ('%s' was unexpected)", key)
		}
	}
	s, err := k.find(id)
	if err != nil {
		return answer{}, err
	}
	if name, isString := body["name"].(string); isString && !k.lost {
		s.Name, s.Updated = name, k.options.Now()
	}
	return ok(map[string]any{"server": k.view(s)}), nil
}

func (k *call) remove(id string) (answer, error) {
	s, err := k.find(id)
	if err != nil {
		return answer{}, err
	}
	if err := k.checkLock(s); err != nil {
		return answer{}, err
	}
	if !k.lost {
		s.Status, s.Updated, s.Ready = deleted, k.options.Now(), time.Time{}
	}
	return answer{status: http.StatusNoContent}, nil
}

func (k *call) boot() (answer, error) {
	body, err := k.member("server")
	if err != nil {
		return answer{}, err
	}
	s, err := k.ordered(body)
	if err != nil {
		return answer{}, err
	}
	k.add(s)
	if k.options.Boot > 0 {
		s.Status, s.Ready = "BUILD", s.Created.Add(k.options.Boot)
	}
	if k.lost {
		s.Status = deleted
	}
	links := k.links("servers", s.ID)
	return answer{
		status: http.StatusAccepted,
		header: map[string]string{"Location": links[0].Href},
		body: map[string]any{"server": map[string]any{
			"id": s.ID, "links": links, "OS-DCF:diskConfig": "MANUAL", "adminPass": "none",
			"security_groups": []any{map[string]string{"name": "default"}},
		}},
	}, nil
}

// ordered reads the order for a server, and refuses what nova refuses.
func (k *call) ordered(body map[string]any) (*server, error) {
	s := &server{Region: k.reg, Project: k.token.user.Project, User: k.token.user.Name, Status: "ACTIVE"}
	required := map[string]*string{"name": &s.Name, "flavorRef": &s.Flavor}
	for _, key := range []string{"name", "flavorRef"} {
		value, found := body[key]
		if !found {
			return nil, fail(http.StatusBadRequest, "'%s' is a required property", key)
		}
		text, isString := value.(string)
		if !isString {
			return nil, invalid(key, value, "is not of type 'string'")
		}
		*required[key] = text
	}
	if _, found := body["networks"]; !found && k.minor >= 37 {
		return nil, fail(http.StatusBadRequest, "'networks' is a required property")
	}
	s.Image, _ = body["imageRef"].(string) // absent when it boots from a volume
	if _, found := k.flavor(s.Flavor); !found {
		return nil, fail(http.StatusBadRequest, "Flavor %s could not be found.", s.Flavor)
	}
	return s, k.orderMetadata(s, body)
}

func (k *call) orderMetadata(s *server, body map[string]any) error {
	given, found := body["metadata"]
	if !found {
		given = map[string]any{}
	}
	metadata, isObject := given.(map[string]any)
	if !isObject {
		return invalid("metadata", given, "is not of type 'object'")
	}
	items, err := checkItems("metadata", metadata)
	if err != nil {
		return err
	}
	s.Metadata = items
	return k.checkStore(items)
}
