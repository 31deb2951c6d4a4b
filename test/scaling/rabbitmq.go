package scaling

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"
)

// Who may do anything in a RabbitMQ.
const (
	Admin    = "admin"
	Password = "hush-hush-admin"
)

const node = "cdplan@localhost"

// RabbitMQ is a broker. Its methods fail the test that started it.
type RabbitMQ struct {
	URL     string // of the management API
	Metrics string // URL of what it exports to Prometheus, queue by queue

	t       testing.TB
	amqp    string
	process *process
}

// StartRabbitMQ starts a broker, and its Erlang's name server.
func StartRabbitMQ(t testing.TB) *RabbitMQ {
	t.Helper()
	dir, port := t.TempDir(), ports(t, 5)
	r := &RabbitMQ{URL: "http://" + at(port[0]), Metrics: "http://" + at(port[1]) + "/metrics/per-object", t: t, amqp: "amqp://" + at(port[2])}
	write(t, filepath.Join(dir, "rabbitmq.conf"), fmt.Sprintf(`
listeners.tcp.1 = 127.0.0.1:%d
management.tcp.ip = 127.0.0.1
management.tcp.port = %d
prometheus.tcp.ip = 127.0.0.1
prometheus.tcp.port = %d
default_user = %s
default_pass = %s
collect_statistics_interval = 1000
management.sample_retention_policies.global.minute = 1
management.sample_retention_policies.basic.minute = 1
management.sample_retention_policies.detailed.minute = 1
log.console = true
log.file = false
`, port[2], port[0], port[1], Admin, Password))
	write(t, filepath.Join(dir, "plugins"), "[rabbitmq_management, rabbitmq_prometheus].\n")
	write(t, filepath.Join(dir, "env"), "")
	names := start(t, dir, nil, "epmd", "-address", "127.0.0.1", "-port", fmt.Sprint(port[3]))
	names.await(func() error { return listens(port[3]) }) // else the broker would start one that nobody ends
	r.process = start(t, dir, []string{
		"RUNNING_UNDER_SYSTEMD=1", // so that no shell stands between us and the broker
		"HOME=" + dir,
		"ERL_EPMD_ADDRESS=127.0.0.1",
		fmt.Sprintf("ERL_EPMD_PORT=%d", port[3]),
		fmt.Sprintf("RABBITMQ_DIST_PORT=%d", port[4]),
		"RABBITMQ_NODENAME=" + node,
		"RABBITMQ_CONF_ENV_FILE=" + filepath.Join(dir, "env"),
		"RABBITMQ_CONFIG_FILE=" + filepath.Join(dir, "rabbitmq.conf"),
		"RABBITMQ_ADVANCED_CONFIG_FILE=" + filepath.Join(dir, "none"),
		"RABBITMQ_ENABLED_PLUGINS_FILE=" + filepath.Join(dir, "plugins"),
		"RABBITMQ_MNESIA_BASE=" + filepath.Join(dir, "db"),
		"RABBITMQ_LOG_BASE=" + filepath.Join(dir, "log"),
		"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=-kernel inet_dist_use_interface {127,0,0,1} +sbwt none +S 1:1",
	}, "/usr/lib/rabbitmq/bin/rabbitmq-server")
	r.process.await(func() error { return r.put("vhosts/tried", "{}") })
	r.process.await(func() error { return listens(port[2]) }) // which comes last
	return r
}

// Stop ends the broker for good.
func (r *RabbitMQ) Stop() { r.process.stop() }

// AddVHost adds a virtual host.
func (r *RabbitMQ) AddVHost(name string) {
	r.t.Helper()
	r.must(r.put("vhosts/"+url.PathEscape(name), "{}"))
	r.Permit(Admin, name, ".*")
}

// AddUser adds a user with tags such as "monitoring".
func (r *RabbitMQ) AddUser(name, password, tags string) {
	r.t.Helper()
	body, err := json.Marshal(map[string]string{"password": password, "tags": tags})
	r.must(err)
	r.must(r.put("users/"+url.PathEscape(name), string(body)))
}

// Permit lets a user into a virtual host, to configure, write and read what has such names: a regular expression.
func (r *RabbitMQ) Permit(user, vhost, names string) {
	r.t.Helper()
	body, err := json.Marshal(map[string]string{"configure": names, "write": names, "read": names})
	r.must(err)
	r.must(r.put("permissions/"+url.PathEscape(vhost)+"/"+url.PathEscape(user), string(body)))
}

// StopVHost stops a virtual host, as RabbitMQ does after an error on its disk.
func (r *RabbitMQ) StopVHost(name string) {
	r.t.Helper()
	ctl := exec.Command("/usr/lib/rabbitmq/bin/rabbitmqctl", "-n", node, "eval", fmt.Sprintf("rabbit_vhost_sup_sup:stop_and_delete_vhost(<<%q>>).", name))
	ctl.Env = r.process.cmd.Env
	if out, err := ctl.CombinedOutput(); err != nil {
		r.t.Fatalf("cannot stop the virtual host %s: %v\n%s", name, err, out)
	}
}

func (r *RabbitMQ) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *RabbitMQ) put(path, body string) error {
	request, err := http.NewRequest(http.MethodPut, r.URL+"/api/"+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	request.SetBasicAuth(Admin, Password)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	text, err := io.ReadAll(response.Body)
	_ = response.Body.Close() // it was only read
	if err == nil && response.StatusCode/100 != 2 {
		err = fmt.Errorf("cannot put %s: %s: %s", path, response.Status, text)
	}
	return err
}

// Queue is a queue of a broker.
type Queue struct {
	Name string

	r       *RabbitMQ
	channel *amqp.Channel
}

// Queue adds a queue to a virtual host.
func (r *RabbitMQ) Queue(vhost, name string) *Queue {
	r.t.Helper()
	connection, err := amqp.DialConfig(r.amqp, amqp.Config{Vhost: vhost, SASL: []amqp.Authentication{&amqp.PlainAuth{Username: Admin, Password: Password}}})
	r.must(err)
	r.t.Cleanup(func() { _ = connection.Close() }) // the broker may be gone
	channel, err := connection.Channel()
	r.must(err)
	r.must(channel.Confirm(false))
	_, err = channel.QueueDeclare(name, true, false, false, false, nil)
	r.must(err)
	return &Queue{name, r, channel}
}

// Publish adds so many messages, and returns once the broker has them.
func (q *Queue) Publish(n int) {
	q.r.t.Helper()
	var confirmed []*amqp.DeferredConfirmation
	for range n {
		one, err := q.channel.PublishWithDeferredConfirm("", q.Name, true, false, amqp.Publishing{Body: []byte("job")})
		q.r.must(err)
		confirmed = append(confirmed, one)
	}
	for _, one := range confirmed {
		if ok, err := one.WaitContext(q.r.t.Context()); !ok {
			q.r.t.Fatalf("the broker did not take a message: %v", err)
		}
	}
}

// Take takes so many messages, as a worker does that has not said yet that they are done. finish says so.
func (q *Queue) Take(n int) (finish func()) {
	q.r.t.Helper()
	var last amqp.Delivery
	for range n {
		message, ok, err := q.channel.Get(q.Name, false)
		q.r.must(err)
		if !ok {
			q.r.t.Fatalf("there are no %d messages", n)
		}
		last = message
	}
	return func() {
		q.r.t.Helper()
		q.r.must(last.Ack(true))
	}
}
