package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"launchpad.net/cdplan/cmd/internal/view"
)

func newVersion(c *common) *cobra.Command {
	asJSON := false
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Example: "  cdplan version\n  cdplan version -json",
		Args:    noArguments,
		RunE: func(*cobra.Command, []string) error {
			if asJSON {
				return view.VersionJSON(c.env.Stdout, c.env.Version, c.env.GoVersion)
			}
			_, err := fmt.Fprintf(c.env.Stdout, "cdplan %s (%s)\n", c.env.Version, c.env.GoVersion)
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return cmd
}
