package novatest

import (
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
)

// The microversions are 2.1 to 2.maxMinor.
const (
	minMinor = 1
	maxMinor = 93
)

// nova serves a call below /nova/REGION. A path that ends there is a version document, which needs no token.
func (k *call) nova(path []string) answer {
	rest := strings.Join(path, "/")
	if rest == "" {
		return ok(map[string]any{"versions": []any{k.version()}})
	}
	if path[0] != "v2.1" {
		return failed(notFound())
	}
	if rest == "v2.1" || rest == "v2.1/" {
		return ok(map[string]any{"version": k.version()})
	}
	if !k.authorize() {
		return unauthorized(k.base())
	}
	minor, err := requestedMinor(k.r.Header)
	if err != nil {
		return failed(err)
	}
	k.minor = minor
	reply, err := k.route(path[1:])
	if err != nil {
		reply = failed(err)
	}
	return reply.withVersion(minor)
}

func (k *call) route(path []string) (answer, error) {
	switch path[0] {
	case "servers":
		return k.routeServers(path[1:])
	case "flavors":
		return k.flavors(path[1:])
	case "images":
		if k.minor >= 36 {
			return answer{}, fail(http.StatusNotFound, "The resource could not be found.")
		}
		if len(path) == 1 && k.r.Method == http.MethodGet {
			return ok(map[string]any{"images": []brief{{image, image, k.links("images", image)}}}), nil
		}
	case "limits":
		if len(path) == 1 && k.r.Method == http.MethodGet {
			return k.limits(), nil
		}
	}
	return answer{}, notFound()
}

func (k *call) routeServers(path []string) (answer, error) {
	switch {
	case len(path) == 0 && k.r.Method == http.MethodGet:
		return k.list(false)
	case len(path) == 0 && k.r.Method == http.MethodPost:
		return k.boot()
	case len(path) == 0:
		return answer{}, notFound()
	case path[0] == "detail" && len(path) == 1 && k.r.Method == http.MethodGet:
		return k.list(true)
	case len(path) == 1:
		return k.routeServer(path[0])
	case path[1] == "metadata" && len(path) == 2:
		return k.routeMetadata(path[0])
	case path[1] == "metadata" && len(path) == 3:
		return k.routeMetadataItem(path[0], path[2])
	}
	return answer{}, notFound()
}

func (k *call) version() any {
	return map[string]any{
		"id": "v2.1", "status": "CURRENT", "updated": "2013-07-23T11:33:21Z",
		"min_version": fmt.Sprintf("2.%d", minMinor), "version": fmt.Sprintf("2.%d", maxMinor),
		"links": []link{{Rel: "self", Href: k.novaURL(k.reg) + "/"}},
	}
}

// requestedMinor reads the microversion headers, the new one first. Without one it is 2.1.
func requestedMinor(h http.Header) (int, error) {
	asked := h.Get("X-OpenStack-Nova-API-Version")
	for _, value := range h.Values("OpenStack-API-Version") {
		for service := range strings.SplitSeq(value, ",") {
			if v, isCompute := strings.CutPrefix(strings.TrimSpace(service), "compute "); isCompute {
				asked = v
			}
		}
	}
	switch asked {
	case "":
		return minMinor, nil
	case "latest":
		return maxMinor, nil
	}
	parts := regexp.MustCompile(`^([1-9]\d*)\.(0|[1-9]\d{0,8})$`).FindStringSubmatch(asked)
	if parts == nil {
		return 0, fail(http.StatusBadRequest, "API Version String %s is of invalid format. Must be of format MajorNum.MinorNum.", asked)
	}
	minor, err := strconv.Atoi(parts[2])
	if err != nil || parts[1] != "2" || minor < minMinor || minor > maxMinor {
		return 0, fail(http.StatusNotAcceptable, "Version %s is not supported by the API. Minimum is 2.%d and maximum is 2.%d.",
			asked, minMinor, maxMinor)
	}
	return minor, nil
}

// withVersion adds the headers that tell the microversion in force.
func (a answer) withVersion(minor int) answer {
	if a.header == nil {
		a.header = map[string]string{}
	}
	version := fmt.Sprintf("2.%d", minor)
	a.header["OpenStack-API-Version"] = "compute " + version
	a.header["X-OpenStack-Nova-API-Version"] = version
	a.header["Vary"] = "OpenStack-API-Version, X-OpenStack-Nova-API-Version"
	return a
}

func (k *call) limits() answer {
	return ok(map[string]any{"limits": map[string]any{
		"rate": []any{},
		"absolute": map[string]int{
			"maxServerMeta": k.options.MaxMeta, "maxTotalInstances": -1, "maxTotalCores": -1, "maxTotalRAMSize": -1,
			"totalInstancesUsed": len(k.visible(query{})),
		},
	}})
}

// image is the id and the name of the one image. Nova lists images up to 2.35; it does not mind here if a server is booted from another.
const image = "tiny"

// flavor is a size of server.
type flavor struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	VCPUs    int    `json:"vcpus"`
	RAM      int    `json:"ram"`
	Disk     int    `json:"disk"`
	Public   bool   `json:"os-flavor-access:is_public"`
	Disabled bool   `json:"OS-FLV-DISABLED:disabled"`
	Links    []link `json:"links"`
}

func (k *call) allFlavors() []flavor {
	all := []flavor{
		{ID: "1", Name: "nano", VCPUs: 1, RAM: 64, Disk: 1, Public: true},
		{ID: "2", Name: "micro", VCPUs: 1, RAM: 128, Disk: 1, Public: true},
	}
	for i := range all {
		all[i].Links = k.links("flavors", all[i].ID)
	}
	return all
}

func (k *call) flavor(id string) (flavor, bool) {
	for _, f := range k.allFlavors() {
		if f.ID == id {
			return f, true
		}
	}
	return flavor{}, false
}

func (k *call) flavors(path []string) (answer, error) {
	switch {
	case len(path) > 1:
		return answer{}, notFound()
	case k.r.Method != http.MethodGet:
		return answer{}, notFound()
	case len(path) == 0:
		var short []brief
		for _, f := range k.allFlavors() {
			short = append(short, brief{f.ID, f.Name, f.Links})
		}
		return ok(map[string]any{"flavors": short}), nil
	case path[0] == "detail":
		return ok(map[string]any{"flavors": k.allFlavors()}), nil
	}
	f, found := k.flavor(path[0])
	if !found {
		return answer{}, fail(http.StatusNotFound, "Flavor %s could not be found.", path[0])
	}
	return ok(map[string]any{"flavor": f}), nil
}
