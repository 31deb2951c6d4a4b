package bzr

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"launchpad.net/cdplan/providers/resource"
)

// File asks brz for the text of a file at the tip, or at the revision that a pin names. It is asked of so few branches that a process each is no
// matter.
func (b branches) File(ctx context.Context, w resource.Wanted, path string) ([]byte, error) {
	var declared branch
	if err := resource.Decode(w.Config, &declared); err != nil {
		return nil, err
	}
	text, err := b.once().file(ctx, declared, path)
	if err != nil {
		return nil, reading(w, answer{err: err}).Err
	}
	return text, nil
}

func (p *provider) file(ctx context.Context, declared branch, path string) ([]byte, error) {
	at, err := p.locate(declared)
	if err != nil {
		return nil, err
	}
	found := p.tip(ctx, at)
	if found.err != nil {
		return nil, failedLook(at, found.err)
	}
	text, err := p.brz.run(ctx, at, "cat", "-d", at.argument(), "-r", "revid:"+found.revision.ID, "--", path)
	var no *failed
	switch {
	case errors.As(err, &no) && strings.Contains(no.line, " is not present in revision "):
		return nil, &fault{"Missing file", fmt.Sprintf("The branch %s has no file %s in its revision %s.", at, path, found.revision.Revno)}
	case err != nil:
		return nil, fmt.Errorf("cannot read %s of %s: %w", path, at, err)
	}
	return text, nil
}
