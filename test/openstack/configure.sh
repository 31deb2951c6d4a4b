# What the services are told, for the script "up" beside this file. It is read, not run.
# shellcheck shell=bash disable=SC2154 # settings.sh has the variables

database() { echo "mysql+pymysql://root@localhost/$1?unix_socket=$socket&charset=utf8mb4"; }

# login SECTION TYPE: how a service logs in to keystone, in a section of its configuration. Access rules need the service's type.
login() {
	cat <<-INI
		[$1]
		auth_type = password
		auth_url = $keystone
		www_authenticate_uri = $keystone
		interface = public
		valid_interfaces = public
		service_token_roles_required = true
		username = service
		password = $(cat "$home/password")
		user_domain_id = default
		project_name = service
		project_domain_id = default
		region_name = RegionOne
		service_type = $2
	INI
}

configure_keystone() {
	cat >"$home/keystone/keystone.conf" <<-INI
		[database]
		connection = $(database keystone)
		[token]
		expiration = 3600
		[fernet_tokens]
		key_repository = $home/keystone/fernet
		[credential]
		key_repository = $home/keystone/credential
		[identity]
		# The passwords here are worth nothing, and the fewest rounds make a login fast.
		password_hash_rounds = 4
	INI
	cat >"$home/keystone/brief.conf" <<-INI
		[token]
		expiration = 20
	INI
}

configure_placement() {
	cat >"$home/placement/placement.conf" <<-INI
		[placement_database]
		connection = $(database placement)
		$(login keystone_authtoken placement)
	INI
}

configure_glance() {
	cat >"$home/glance/glance-api.conf" <<-INI
		[DEFAULT]
		enabled_backends = disk:file
		[database]
		connection = $(database glance)
		[glance_store]
		default_backend = disk
		[disk]
		filesystem_store_datadir = $home/glance/images
		[os_glance_tasks_store]
		filesystem_store_datadir = $home/glance/tasks
		[os_glance_staging_store]
		filesystem_store_datadir = $home/glance/staging
		[paste_deploy]
		flavor = keystone
		$(login keystone_authtoken image)
	INI
}

configure_nova() {
	cat >"$home/nova/nova.conf" <<-INI
		[DEFAULT]
		my_ip = 127.0.0.1
		host = fake
		state_path = $home/nova
		transport_url = rabbit://guest:guest@127.0.0.1:$rabbit_port/
		compute_driver = fake.FakeDriver
		allow_resize_to_same_host = true
		# The fake driver forgets its servers when it stops. They are to stay ACTIVE all the same.
		sync_power_state_interval = -1
		heal_instance_info_cache_interval = -1
		# The first sign of life tells that nova-compute is ready. Later, on a busy machine, a minute without one means nothing.
		report_interval = 3
		service_down_time = 600
		[api_database]
		connection = $(database nova_api)
		[database]
		connection = $(database nova)
		[oslo_concurrency]
		lock_path = $home/nova/lock
		[quota]
		instances = -1
		cores = -1
		ram = -1
		[conductor]
		workers = 1
		[scheduler]
		workers = 1
		discover_hosts_in_cells_interval = 5
		[vnc]
		enabled = false
		$(login keystone_authtoken compute)
		$(login placement placement)
		$(login neutron network)
		endpoint_override = http://127.0.0.1:$neutron_port
		[glance]
		valid_interfaces = public
		region_name = RegionOne
	INI
	cat >"$home/nova/cell0.conf" <<-INI
		[database]
		connection = $(database nova_cell0)
	INI
	cat >"$home/nova/pages.conf" <<-INI
		[api]
		max_limit = 50
	INI
}

configure_rabbit() {
	echo "loopback_users.guest = true" >"$home/rabbit/rabbitmq.conf"
	: >"$home/rabbit/plugins"
}

# cloud NAME USER PROJECT KEYSTONE REGION: an entry of clouds.yaml.
cloud() {
	cat <<-YAML
		  $1:
		    region_name: $5
		    identity_api_version: 3
		    auth:
		      auth_url: $4
		      username: $2
		      password: $(cat "$home/password")
		      project_name: $3
		      user_domain_id: default
		      project_domain_id: default
	YAML
}

# configure_clients writes how to log in: as a member of the project ci, where tokens live for 20 s, where pages are of 50 servers, and both; as
# one who may only read it; as a member of another project; as administrator.
configure_clients() {
	local brief=http://127.0.0.1:$brief_port/v3
	{
		echo "clouds:"
		cloud member member ci "$keystone" RegionOne
		cloud brief member ci "$brief" RegionOne
		cloud pages member ci "$keystone" RegionPages
		cloud brief-pages member ci "$brief" RegionPages
		cloud reader reader ci "$keystone" RegionOne
		cloud other other other "$keystone" RegionOne
		cloud admin admin admin "$keystone" RegionOne
	} >"$home/clouds.yaml"
}

configure() {
	# The catalogue names the ports.
	[ "$(cat "$home/port" 2>/dev/null || echo "$first_port")" = "$first_port" ] || die "use the ports from $first_port on: $home was made for others"
	echo "$first_port" >"$home/port"
	mkdir -p "$home"/{run,log,mysql,rabbit,keystone,placement} "$home"/nova/lock "$home"/glance/{images,tasks,staging}
	[ -s "$home/password" ] || od -An -N16 -tx1 /dev/urandom | tr -d ' ' >"$home/password"
	configure_keystone
	configure_placement
	configure_glance
	configure_nova
	configure_rabbit
	configure_clients
}
