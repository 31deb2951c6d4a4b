# Where the OpenStack of the tests is, for the scripts beside this file. It is read, not run.
# shellcheck shell=bash disable=SC2034 # others use the variables

home=${CDPLAN_OPENSTACK:-/var/tmp/cdplan-openstack} # all that it writes
first_port=${CDPLAN_OPENSTACK_PORT:-15000}          # of a block of twelve, all on 127.0.0.1
socket=$home/mysql/socket                           # of the database, which has no port

keystone_port=$first_port
nova_port=$((first_port + 1))
placement_port=$((first_port + 2))
glance_port=$((first_port + 3))
neutron_port=$((first_port + 4))
rabbit_port=$((first_port + 5))
erlang_port=$((first_port + 6))
epmd_port=$((first_port + 7))
brief_port=$((first_port + 8))
pages_port=$((first_port + 9))
nobody_port=$((first_port + 10)) # nobody listens there

keystone=http://127.0.0.1:$keystone_port/v3
