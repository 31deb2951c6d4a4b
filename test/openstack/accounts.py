"""Makes what is asked for in the cloud, unless it is there already. The first argument says what:

  identity KEYSTONE FIRST-PORT   projects, users and the catalogue
  compute KEYSTONE               flavors and an image
  ready KEYSTONE SINCE           nothing: fails unless nova-compute has shown a sign of life since that moment, in seconds

All of it is done as the administrator, whom keystone's own bootstrap has made. All users have the one password $PASSWORD.
"""

import datetime
import json
import os
import sys
import urllib.parse
import urllib.request


class Cloud:
    def __init__(self, keystone):
        self.password, self.keystone, self.token = os.environ["PASSWORD"], keystone, None
        domain = {"id": "default"}
        user = {"name": "admin", "domain": domain, "password": self.password}
        answer, headers = self.send(
            "POST",
            keystone + "/auth/tokens",
            {
                "auth": {
                    "identity": {"methods": ["password"], "password": {"user": user}},
                    "scope": {"project": {"name": "admin", "domain": domain}},
                }
            },
        )
        self.token = headers["X-Subject-Token"]
        self.catalogue = {
            service["type"]: endpoint["url"]
            for service in answer["token"]["catalog"]
            for endpoint in service["endpoints"]
            if endpoint["region"] == "RegionOne"
        }

    def send(self, method, url, body=None, **headers):
        """Sends JSON, or bytes as they are, and returns the answer and its headers."""
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        kind = "application/octet-stream" if isinstance(body, bytes) else "application/json"
        headers = {"Content-Type": kind, **headers}
        if self.token:
            headers["X-Auth-Token"] = self.token
        request = urllib.request.Request(url, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=120) as response:
            text = response.read()
            return (json.loads(text) if text else None), response.headers

    def get(self, url, **headers):
        return self.send("GET", url, **headers)[0]

    def ensure(self, url, kind, body, **filters):
        """Returns the thing of that kind that the filters find, made of the body if there is none."""
        found = self.get(f"{url}/{kind}s?{urllib.parse.urlencode(filters)}")[kind + "s"]
        if found:
            return found[0]
        return self.send("POST", f"{url}/{kind}s", {kind: body})[0][kind]

    def project(self, name):
        return self.ensure(self.keystone, "project", {"name": name, "domain_id": "default"}, name=name)["id"]

    def user(self, name, project, *roles):
        body = {"name": name, "domain_id": "default", "password": self.password}
        user = self.ensure(self.keystone, "user", body, name=name)["id"]
        for role in roles:
            role = self.ensure(self.keystone, "role", {"name": role}, name=role)["id"]
            self.send("PUT", f"{self.keystone}/projects/{self.project(project)}/users/{user}/roles/{role}")

    def service(self, kind, name, **regions):
        service = self.ensure(self.keystone, "service", {"type": kind, "name": name}, type=kind)["id"]
        for region, url in regions.items():
            if region not in [r["id"] for r in self.get(self.keystone + "/regions")["regions"]]:
                self.send("POST", self.keystone + "/regions", {"region": {"id": region}})
            body = {"service_id": service, "interface": "public", "region_id": region, "url": url}
            self.ensure(self.keystone, "endpoint", body, service_id=service, region_id=region)


def identity(cloud, first_port):
    cloud.project("service")
    cloud.project("ci")
    cloud.project("other")
    cloud.user("service", "service", "admin", "service")
    cloud.user("member", "ci", "member")
    cloud.user("reader", "ci", "reader")
    cloud.user("other", "other", "member")
    at = lambda offset, path="": f"http://127.0.0.1:{int(first_port) + offset}{path}"
    cloud.service("placement", "placement", RegionOne=at(2))
    cloud.service("image", "glance", RegionOne=at(3))
    cloud.service("compute", "nova", RegionOne=at(1, "/v2.1"), RegionPages=at(9, "/v2.1"), RegionDown=at(10, "/v2.1"))


def compute(cloud):
    nova, glance = cloud.catalogue["compute"], cloud.catalogue["image"]
    there = [flavor["name"] for flavor in cloud.get(nova + "/flavors")["flavors"]]
    for number, name, ram in (("1", "nano", 64), ("2", "micro", 128)):
        if name not in there:
            cloud.send("POST", nova + "/flavors", {"flavor": {"id": number, "name": name, "ram": ram, "vcpus": 1, "disk": 1}})
    images = cloud.get(glance + "/v2/images?name=tiny")["images"]
    image = images[0] if images else cloud.send(
        "POST",
        glance + "/v2/images",
        {"name": "tiny", "disk_format": "raw", "container_format": "bare", "visibility": "public"},
    )[0]
    if image["status"] != "active":
        cloud.send("PUT", f"{glance}/v2/images/{image['id']}/file", bytes(4096))


def ready(cloud, since):
    nova = cloud.catalogue["compute"]
    for service in cloud.get(nova + "/os-services?binary=nova-compute")["services"]:
        seen = datetime.datetime.fromisoformat(service["updated_at"] or "2000-01-01").replace(tzinfo=datetime.timezone.utc)
        if seen.timestamp() > float(since) and cloud.get(nova + "/os-hypervisors")["hypervisors"]:
            return
    sys.exit("nova-compute is not ready")


if __name__ == "__main__":
    {"identity": identity, "compute": compute, "ready": ready}[sys.argv[1]](Cloud(sys.argv[2]), *sys.argv[3:])
