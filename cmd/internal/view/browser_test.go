package view

import (
	"bytes"
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/google/go-cmp/cmp"
)

// seen is what a browser makes of a page.
type seen struct {
	Overflow   int               // pixels by which the page is wider than the window
	Services   []string          // that have a row in the table that can be seen
	Drawn      int               // boxes of the drawing that have a size
	Background string            // of the page
	Colors     map[string]string // of a text by the class of its tone
	Contrast   []string          // texts with a contrast of less than 4.5
}

// look is the script that finds it out.
const look = `(() => {
  const visible = e => e.checkVisibility({opacityProperty: true, visibilityProperty: true}) && e.getBoundingClientRect().height > 0;
  const rgb = text => text.match(/[\d.]+/g).map(Number);
  const luminance = ([r, g, b]) => [r, g, b].map(v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4).reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = e => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor); if (c.length < 4 || c[3] > 0) return c } };
  const contrast = e => { const [a, b] = [rgb(getComputedStyle(e).color), behind(e)].map(luminance); return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05) };
  const texts = [...document.body.querySelectorAll(":not(svg *)")].filter(e => e.localName != "svg" && [...e.childNodes].some(n => n.nodeType == 3 && n.data.trim()));
  return {
    Overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    Services: [...document.querySelectorAll(".plan tbody th[scope=row]")].filter(visible).map(e => e.textContent),
    Drawn: [...document.querySelectorAll(".drawing .service rect")].filter(e => e.getBoundingClientRect().width > 0).length,
    Background: getComputedStyle(document.body).backgroundColor,
    Colors: Object.fromEntries([...document.querySelectorAll("tr .verdict")].map(e => [e.closest("tr").className, getComputedStyle(e).color])),
    Contrast: texts.filter(e => visible(e) && contrast(e) < 4.5).map(e => contrast(e).toFixed(2) + " " + e.textContent.slice(0, 40)),
  };
})()`

// browser is Chromium, with what it has asked for and complained of.
type browser struct {
	context.Context
	asked, complained []string
}

// newBrowser starts Chromium, from Debian's package, for one test.
func newBrowser(t *testing.T) *browser {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath("chromium"), chromedp.Env("TMPDIR="+t.TempDir()))
	if os.Getuid() == 0 {
		options = append(options, chromedp.NoSandbox)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	b := &browser{Context: ctx}
	if err := chromedp.Listen(ctx, b.note); err != nil {
		t.Fatalf("cannot start chromium (test/needs.sh installs it): %v", err)
	}
	call(t, b, network.Enable, network.EnableParams{})
	call(t, b, log.Enable, cdp.Empty{})
	return b
}

func (b *browser) note(event any) {
	switch event := event.(type) {
	case *network.EventRequestWillBeSent:
		b.asked = append(b.asked, event.Request.URL)
	case *runtime.EventConsoleAPICalled:
		b.complained = append(b.complained, string(event.Type))
	case *runtime.EventExceptionThrown:
		b.complained = append(b.complained, event.ExceptionDetails.Text)
	case *log.EventEntryAdded:
		b.complained = append(b.complained, event.Entry.Text)
	}
}

// call sends a command of the protocol.
func call[P, R any](t *testing.T, b *browser, command cdp.Command[P, R], params P) R {
	t.Helper()
	result, err := chromedp.Call(b, command, params)
	if err != nil {
		t.Fatalf("chromium: %s: %v", command.Method, err)
	}
	return result
}

func act[T any](t *testing.T, b *browser, action chromedp.Action[T]) T {
	t.Helper()
	result, err := chromedp.Run(b, action)
	if err != nil {
		t.Fatalf("chromium: %v", err)
	}
	return result
}

// open shows the file in a window of that width.
func (b *browser) open(t *testing.T, file, media, scheme string, width int) seen {
	t.Helper()
	act(t, b, chromedp.EmulateViewport(int64(width), 900))
	call(t, b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: media, Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
	act(t, b, chromedp.Navigate((&url.URL{Scheme: "file", Path: file}).String()))
	return act(t, b, chromedp.Evaluate[seen](look))
}

// piece is how much of a page one picture shows, in pixels from its top.
const piece = 1500

// keep keeps pictures of what is shown.
func (b *browser) keep(t *testing.T, name string, width int) {
	t.Helper()
	height := act(t, b, chromedp.Evaluate[int]("document.documentElement.scrollHeight"))
	beyond := true
	for top := 0; top < height; top += piece {
		clip := page.Viewport{Y: float64(top), Width: float64(width), Height: float64(min(piece, height-top)), Scale: 1}
		picture := call(t, b, page.CaptureScreenshot, page.CaptureScreenshotParams{Clip: &clip, CaptureBeyondViewport: &beyond})
		if err := os.WriteFile(filepath.Join(t.ArtifactDir(), fmt.Sprintf("%s-%d.png", name, top/piece)), picture.Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// print prints what is shown, and keeps that, too.
func (b *browser) print(t *testing.T) {
	t.Helper()
	pdf := act(t, b, chromedp.PrintToPDF(chromedp.PDFPaper(chromedp.PaperA4), chromedp.PDFPrintBackground()))
	if !bytes.HasPrefix(pdf, []byte("%PDF-")) {
		t.Error("what is printed is no PDF")
	}
	if err := os.WriteFile(filepath.Join(t.ArtifactDir(), "print.pdf"), pdf, 0o644); err != nil {
		t.Fatal(err)
	}
}

// The page as a browser shows it, in light and dark, on a wide screen and on a narrow one, and on paper, which is always light. "go test -artifacts" keeps
// what it looks like.
func TestPageInBrowser(t *testing.T) {
	file := filepath.Join(t.TempDir(), "plan.html")
	if err := os.WriteFile(file, []byte(write(t, HTML, richFleet())), 0o600); err != nil {
		t.Fatal(err)
	}
	b := newBrowser(t)
	shown := map[string]seen{}
	for _, view := range []struct {
		media, scheme string
		width         int
	}{{"screen", "light", 1280}, {"screen", "light", 375}, {"screen", "dark", 1280}, {"screen", "dark", 375}, {"print", "dark", 718}} {
		name := fmt.Sprintf("%s-%s-%d", view.media, view.scheme, view.width)
		shown[name] = b.open(t, file, view.media, view.scheme, view.width)
		b.keep(t, name, view.width)
		checkSeen(t, name, shown[name])
	}
	light, dark, paper := shown["screen-light-1280"], shown["screen-dark-1280"], shown["print-dark-718"]
	if light.Background == dark.Background || light.Background != paper.Background {
		t.Errorf("the page is %s in light, %s in dark, and %s on paper", light.Background, dark.Background, paper.Background)
	}
	for tone, color := range light.Colors {
		if color == dark.Colors[tone] || color != paper.Colors[tone] {
			t.Errorf("%s is %s in light, %s in dark, and %s on paper", tone, color, dark.Colors[tone], paper.Colors[tone])
		}
	}
	b.print(t)
	for _, address := range b.asked {
		if address != "file://"+file {
			t.Errorf("the browser asked for %s", address)
		}
	}
	if len(b.asked) == 0 || len(b.complained) > 0 {
		t.Errorf("the browser asked for %q and complained of %q", b.asked, b.complained)
	}
}

// checkSeen holds what is seen of the rich fleet to what has to be, wherever it is shown.
func checkSeen(t *testing.T, name string, s seen) {
	t.Helper()
	p := richFleet().Plan
	var services []string
	for _, d := range notable(p) {
		services = append(services, d.Service)
	}
	if diff := cmp.Diff(services, s.Services); diff != "" {
		t.Errorf("%s: rows that can be seen (-want +got):\n%s", name, diff)
	}
	if want := len(related(newDrawing(p)).services); s.Drawn != want {
		t.Errorf("%s: %d services are drawn, want %d", name, s.Drawn, want)
	}
	if s.Overflow > 0 {
		t.Errorf("%s: the page is %d pixels wider than the window", name, s.Overflow)
	}
	if len(s.Contrast) > 0 {
		t.Errorf("%s: too little contrast: %q", name, s.Contrast)
	}
	if len(s.Colors) != len(tones)-1 {
		t.Errorf("%s: the colours of the verdicts are %v", name, s.Colors)
	}
}
