package view

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/google/go-cmp/cmp"

	"launchpad.net/cdplan/plan/replay"
	"launchpad.net/cdplan/plan/scale"
)

// simulation is a spike, a metric that cannot be read, and a queue that is stuck.
func simulation(hpa bool) Simulation {
	p := scale.Policy{Min: 1, Max: 8, Target: 200, Tolerance: 0.1, DownWindow: 5 * time.Minute, UpStep: 2, DownStep: 1, Cooldown: 3 * time.Minute, IdleAfter: 15 * time.Minute,
		Timeout: 30 * time.Minute, Pause: scale.PauseNone, NoProgressAfter: 1}
	series, err := replay.Read("load.csv", strings.NewReader("0,0\n10m,50\n20m,0,metric-down\n25m,0,metric-up\n45m,0,poison 2900\n1h,0\n"))
	if err != nil {
		panic(err)
	}
	world := replay.World{Start: 4 * time.Minute, Interval: 30 * time.Second, Rate: 20, Units: 1}
	s := Simulation{Service: "worker", Policy: p, World: world, Run: replay.Replay(series, world, p, &replay.Ours{Policy: p})}
	if hpa {
		world.Interval = replay.HPAInterval
		run := replay.Replay(series, world, p, &replay.HPA{Policy: p, Interval: world.Interval})
		s.HPA = &run
	}
	return s
}

func TestSimulationText(t *testing.T) {
	var out bytes.Buffer
	if err := SimulationText(&out, simulation(true), Style{Width: 80}); err != nil {
		t.Fatal(err)
	}
	const golden = "testdata/simulation.txt"
	if *update {
		if err := os.WriteFile(golden, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestSimulationColors(t *testing.T) {
	var out bytes.Buffer
	if err := SimulationText(&out, simulation(false), Style{Color: true}); err != nil {
		t.Fatal(err)
	}
	if text := out.String(); !strings.Contains(text, "\x1b[32m1 -> 2\x1b[0m") || strings.Contains(text, "HPA") {
		t.Error(text)
	}
}

func TestSimulationOfNoChange(t *testing.T) {
	s := simulation(false)
	s.Run.Changes = nil
	var out bytes.Buffer
	if err := SimulationText(&out, s, Style{}); err != nil || !strings.Contains(out.String(), "\nNothing is changed.\n") {
		t.Errorf("%v: %s", err, out.String())
	}
}

func TestSimulationCut(t *testing.T) {
	s := simulation(false)
	s.Run.Changes = make([]replay.Change, shownChanges+3)
	var out bytes.Buffer
	if err := SimulationText(&out, s, Style{}); err != nil || !strings.Contains(out.String(), "\n3 more; -format=json has them all.\n") {
		t.Errorf("%v: %s", err, out.String())
	}
}

func TestSimulationJSON(t *testing.T) {
	for _, hpa := range []bool{false, true} {
		var out bytes.Buffer
		if err := SimulationJSON(&out, simulation(hpa)); err != nil {
			t.Fatal(err)
		}
		var got jsonSimulation
		decoder := json.NewDecoder(&out)
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&got); err != nil {
			t.Fatal(err)
		}
		first := got.Cdplan.Changes[0]
		if got.FormatVersion != FormatVersion || got.Service != "worker" || first.At != "17m30s" || first.From != 1 || first.To != 2 || len(got.Cdplan.Points) != 121 ||
			got.Cdplan.Points[44].Trouble != "the load cannot be measured" || (got.HPA != nil) != hpa {
			t.Errorf("%+v, %+v", first, got.Cdplan.Figures)
		}
	}
}

// The drawing is a whole document of its own, the same each time, and leaves nothing of it to what is not in it.
func TestSimulationSVG(t *testing.T) {
	var first, second bytes.Buffer
	for _, out := range []*bytes.Buffer{&first, &second} {
		if err := SimulationSVG(out, simulation(true)); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Error("the same simulation is drawn in other bytes")
	}
	text := first.String()
	for _, want := range []string{`<title>the load cannot be measured</title>`, `<path class="hpa"`, `>45m</text>`, "prefers-color-scheme: dark", ">what the units that are ready are to carry<"} {
		if !strings.Contains(text, want) {
			t.Errorf("there is no %s in\n%s", want, text)
		}
	}
	for _, not := range []string{"NaN", "Inf", "ZgotmplZ", "href", "@import", "<script"} {
		if strings.Contains(text, not) {
			t.Errorf("there is %s in\n%s", not, text)
		}
	}
	decoder := xml.NewDecoder(&first)
	for {
		if _, err := decoder.Token(); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

// unreadable finds the texts of a drawing that reach beyond it, or have a contrast of less than 4.5 to its ground.
const unreadable = `(() => {
  const rgb = text => text.match(/[\d.]+/g).map(Number);
  const luminance = ([r, g, b]) => [r, g, b].map(v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4).reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = luminance(rgb(getComputedStyle(document.querySelector("rect.page")).fill));
  const contrast = e => { const ink = luminance(rgb(getComputedStyle(e).fill)); return (Math.max(ink, ground) + 0.05) / (Math.min(ink, ground) + 0.05) };
  const texts = [...document.querySelectorAll("text")], all = document.documentElement.getBoundingClientRect();
  const meet = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom - 3 && b.top < a.bottom - 3;
  const found = texts.filter(e => { const box = e.getBoundingClientRect(); return box.left < 0 || box.right > all.right || box.bottom > all.bottom || contrast(e) < 4.5 });
  const boxes = texts.map(e => e.getBoundingClientRect());
  const over = texts.filter((_, i) => boxes.some((b, j) => j < i && meet(boxes[i], b)));
  return found.concat(over).map(e => e.textContent).concat(texts.length > 20 ? [] : ["only " + texts.length + " texts"]);
})()`

// What is written on the drawing is within it, one text beside the other, and can be read on light and dark screens.
func TestSimulationInBrowser(t *testing.T) {
	var out bytes.Buffer
	if err := SimulationSVG(&out, simulation(true)); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "simulation.svg")
	if err := os.WriteFile(file, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	b := newBrowser(t)
	act(t, b, chromedp.EmulateViewport(simulationWidth+20, simulationHeight+20))
	grounds := map[string]bool{}
	for _, scheme := range []string{"light", "dark"} {
		call(t, b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "screen", Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
		act(t, b, chromedp.Navigate((&url.URL{Scheme: "file", Path: file}).String()))
		if texts := act(t, b, chromedp.Evaluate[[]string](unreadable)); len(texts) > 0 {
			t.Errorf("%s: cannot be read: %q", scheme, texts)
		}
		grounds[act(t, b, chromedp.Evaluate[string](`getComputedStyle(document.querySelector("rect.page")).fill`))] = true
		picture := call(t, b, page.CaptureScreenshot, page.CaptureScreenshotParams{})
		if err := os.WriteFile(filepath.Join(t.ArtifactDir(), "simulation-"+scheme+".png"), picture.Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if len(grounds) != 2 {
		t.Errorf("light and dark are on %v", grounds)
	}
}
