package cli

import "github.com/spf13/cobra"

func newEnvironmentHelp() *cobra.Command {
	return &cobra.Command{
		Use:   "environment",
		Short: "the variables that cdplan reads",
		Long: `The variables that cdplan reads:

  CDPLAN_CONFIG          the cdplan.hcl to read; -config counts more
  CDPLAN_ROOT            the directory of the services; -root counts more,
                         cdplan.hcl less
  CDPLAN_STATE           the directory for the journal, locks and logs;
                         -system counts more, cdplan.hcl less. The default is /var/lib/cdplan for root, else
                         $XDG_STATE_HOME/cdplan or ~/.local/state/cdplan
  CDPLAN_IN_AUTOMATION   if not empty, the plan names no next command, but in
                         the forms that are made for others to read
  OS_CLOUD               the cloud's name in clouds.yaml; cdplan.hcl counts more
  OS_CLIENT_CONFIG_FILE  the clouds.yaml to read. The default is the first of
                         ./clouds.yaml, openstack/clouds.yaml below
                         $XDG_CONFIG_HOME (~/.config) and
                         /etc/openstack/clouds.yaml
  OS_AUTH_URL, OS_*      a login, where no cloud is named

Whether colours are printed, the first that applies:

  -no-color, or NO_COLOR not empty           no
  CLICOLOR_FORCE neither empty nor 0         yes
  CLICOLOR=0, or TERM=dumb                   no
  otherwise                                  if the output is a terminal

The variables that mojo gets, beside cdplan's own environment and the service's
[environment]:

  CDPLAN_SERVICE         the service's name
  CDPLAN_RUN             the name of the run
  CDPLAN_AT              when it began, UTC
  CDPLAN_REVNO_LABEL     the revno of each branch that is deployed, and
  CDPLAN_REVISION_LABEL  its revision id; LABEL in upper case, "-" as "_"
  CDPLAN_HASH            the one hash of all revision ids
  CDPLAN_STAMP_FILE      a file with the lines "key=value" that the servers
                         will carry, which is there as long as the run
  CDPLAN_ROOT,           where any cdplan that the run calls finds the same
  CDPLAN_CONFIG          fleet
`,
	}
}

func newExitHelp() *cobra.Command {
	return &cobra.Command{
		Use:   "exit-codes",
		Short: "what the exit codes mean",
		Long: `The exit codes:

  0  done, or nothing to do. Services that are held do not count
  1  an error, wrong usage included, or a service that is invalid or unknown
  2  with -detailed-exitcode: there is something to do, or apply has done it, or
     something has drifted
  3  apply refused a service: what is to be done is no longer what was planned
  4  a deploy failed
  5  another run works on all there is to do, and -lock-timeout has passed
  6  with -detailed-exitcode: all that remains is held

Where several apply: 4 before 3 before 1 before 5 before 2 before 6.
With -nagios: 0 all is well, 1 a warning, 2 critical, 3 not known.
A second interrupt ends what runs: 130 after SIGINT, 143 after SIGTERM.
`,
	}
}
