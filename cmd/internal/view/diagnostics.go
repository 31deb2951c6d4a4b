package view

import (
	"io"

	"github.com/hashicorp/hcl/v2"
)

// defaultWidth is for texts that are wrapped where nobody said how wide the output is.
const defaultWidth = 100

// Diagnostics writes faults with the lines of the files they are in.
func Diagnostics(w io.Writer, diags hcl.Diagnostics, files map[string]*hcl.File, s Style) error {
	width := defaultWidth
	if s.Width > 0 {
		width = min(width, s.Width)
	}
	shown := make(hcl.Diagnostics, len(diags))
	for i, diag := range diags {
		plain := *diag
		plain.Summary, plain.Detail = clean(plain.Summary), clean(plain.Detail)
		shown[i] = &plain
	}
	return hcl.NewDiagnosticTextWriter(w, files, uint(width), s.Color).WriteDiagnostics(shown)
}
