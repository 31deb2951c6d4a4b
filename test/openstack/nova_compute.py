"""nova-compute as Debian packages it, less one read that makes a boot slower with every server there is.

Before each boot, and once a minute, its resource tracker asks placement for the allocations of every server of the host, one request each, in
case the driver wants to move them. The fake driver never does. Nothing else is changed.
"""

import sys

from nova.cmd import compute
from nova.scheduler.client import report

report.SchedulerReportClient.get_allocations_for_provider_tree = lambda self, context, nodename: {}
sys.argv[0] = "nova-compute"
compute.main()
