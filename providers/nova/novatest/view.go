package novatest

import (
	"fmt"
	"time"
)

type link struct {
	Rel  string `json:"rel"`
	Href string `json:"href"`
}

// links are the addresses of a thing: with the version, and without.
func (k *call) links(kind, id string) []link {
	return []link{
		{Rel: "self", Href: k.novaURL(k.reg) + "/" + kind + "/" + id},
		{Rel: "bookmark", Href: k.base() + "/nova/" + k.reg + "/" + kind + "/" + id},
	}
}

// brief is a thing in a list without detail.
type brief struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Links []link `json:"links"`
}

// serverView is a server as nova shows it.
type serverView struct {
	ID         string               `json:"id"`
	Name       string               `json:"name"`
	Status     string               `json:"status"`
	TenantID   string               `json:"tenant_id"`
	UserID     string               `json:"user_id"`
	Metadata   map[string]string    `json:"metadata"`
	HostID     string               `json:"hostId"`
	Image      any                  `json:"image"` // an object, or "" when it boots from a volume
	Flavor     any                  `json:"flavor"`
	Created    string               `json:"created"`
	Updated    string               `json:"updated"`
	Addresses  map[string][]address `json:"addresses"`
	AccessIPv4 string               `json:"accessIPv4"`
	AccessIPv6 string               `json:"accessIPv6"`
	Links      []link               `json:"links"`
	DiskConfig string               `json:"OS-DCF:diskConfig"`
	Progress   int                  `json:"progress"`
	Zone       string               `json:"OS-EXT-AZ:availability_zone"`
	Config     string               `json:"config_drive"`
	KeyName    *string              `json:"key_name"`
	Launched   *string              `json:"OS-SRV-USG:launched_at"`
	Terminated *string              `json:"OS-SRV-USG:terminated_at"`
	TaskState  *string              `json:"OS-EXT-STS:task_state"`
	VMState    string               `json:"OS-EXT-STS:vm_state"`
	PowerState int                  `json:"OS-EXT-STS:power_state"`
	Volumes    []any                `json:"os-extended-volumes:volumes_attached"`
	Locked     *bool                `json:"locked,omitempty"` // from 2.9
	Tags       *[]string            `json:"tags,omitempty"`   // from 2.26
}

type address struct {
	Addr    string `json:"addr"`
	Version int    `json:"version"`
	Type    string `json:"OS-EXT-IPS:type"`
}

func (k *call) views(servers []*server, detail bool) any {
	if detail {
		views := make([]serverView, len(servers))
		for i, s := range servers {
			views[i] = k.view(s)
		}
		return views
	}
	views := make([]brief, len(servers))
	for i, s := range servers {
		views[i] = brief{s.ID, s.Name, k.links("servers", s.ID)}
	}
	return views
}

func (k *call) view(s *server) serverView {
	v := serverView{
		ID: s.ID, Name: s.Name, Status: s.Status, Metadata: s.Metadata,
		TenantID: identifier("project", s.Project), UserID: identifier("user", s.User),
		Image: "", Flavor: k.flavorView(s.Flavor),
		Created: second(s.Created), Updated: second(s.Updated),
		Addresses: map[string][]address{}, Links: k.links("servers", s.ID), Volumes: []any{}, DiskConfig: "MANUAL",
	}
	if s.Image != "" {
		v.Image = map[string]any{"id": s.Image, "links": []link{{"bookmark", k.base() + "/images/" + s.Image}}}
	}
	vm, task := vmState(s.Status)
	v.VMState = vm
	if task != "" {
		v.TaskState = &task
	}
	if vm != "building" {
		k.launch(s, &v)
	}
	if k.minor >= 9 {
		locked := s.Locked // not its address: s changes
		v.Locked = &locked
	}
	if k.minor >= 26 {
		v.Tags = &[]string{}
	}
	return v
}

// launch fills in what a server has once it has started.
func (k *call) launch(s *server, v *serverView) {
	n := k.byID[s.ID] + 1
	launched := s.Created.UTC().Format("2006-01-02T15:04:05.000000")
	v.Launched = &launched
	v.HostID = identifier("host", s.Project)
	v.Zone = "nova"
	v.Progress = 100
	v.PowerState = 1
	v.Addresses["default"] = []address{{Addr: fmt.Sprintf("10.%d.%d.%d", n>>16&255, n>>8&255, n&255), Version: 4, Type: "fixed"}}
}

// flavorView is a link below 2.47, and the flavor's own figures from there on.
func (k *call) flavorView(id string) any {
	f, _ := k.flavor(id)
	if k.minor < 47 {
		return map[string]any{"id": id, "links": f.Links}
	}
	return map[string]any{
		"original_name": f.Name, "vcpus": f.VCPUs, "ram": f.RAM, "disk": f.Disk, "ephemeral": 0, "swap": 0,
		"extra_specs": map[string]string{},
	}
}

func second(t time.Time) string {
	return t.UTC().Format(time.RFC3339)
}
