package config

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"launchpad.net/cdplan/plan"
	"launchpad.net/cdplan/providers/resource"
)

// describeKeys writes each change in a line; values that are not public are not there.
func describeKeys(changes []plan.KeyChange, err error) string {
	var b strings.Builder
	for _, c := range changes {
		fmt.Fprintf(&b, "[%s] %s %s", c.Section, c.Key, c.Kind)
		if c.Public {
			fmt.Fprintf(&b, " %q>%q", c.From, c.To)
		} else {
			fmt.Fprintf(&b, " #%d>#%d", c.FromMask, c.ToMask)
		}
		if !c.Public && c.From+c.To != "" || c.Public && c.FromMask+c.ToMask > 0 {
			b.WriteString(" with a value and a mask")
		}
		b.WriteString("\n")
	}
	if err != nil {
		b.WriteString(err.Error() + "\n")
	}
	return b.String()
}

func TestCompareKeys(t *testing.T) {
	for _, test := range []struct {
		name, from, to string
		want           string
	}{
		{"same", "[mojo]\nspec = /x\n", "# more\n[mojo]\nSpec: /x\n[nova]\n", ""},
		{"changed", "[mojo]\nstage = production\n", "[mojo]\nStage = staging\n", `[mojo] stage changed "production">"staging"`},
		{"added and removed", "[mojo]\nstage = a\n", "[mojo]\nseries = b\n", `[mojo] series added "">"b"; [mojo] stage removed "a">""`},
		{"in order", "", "[zoo]\nb = 1\na = 1\n[nova]\nservers = s-*\n[DEFAULT]\nbase = /\n[environment]\nB = 1\na = 1\n[branches]\napp = /a\n" +
			"[service]\nauto = never\nafter = x\nallow_rewritten = yes\ntimeout = 1m\n[mojo]\nspec = /x\n",
			`[service] after added "">"x"; [service] allow_rewritten added "">"yes"; [service] auto added "">"never"; ` +
				`[service] timeout added "">"1m"; [mojo] spec added "">"/x"; [branches] app added "">"/a"; [environment] B added #0>#1; ` +
				`[environment] a added #0>#1; [nova] servers added "">"s-*"; [DEFAULT] base added #0>#2; [zoo] a added #0>#1; [zoo] b added #0>#1`},
		{"secrets", "[environment]\nTOKEN = hush\n[own]\nkey = hush\nspec = hush\n", "[environment]\nTOKEN = hush2\n[own]\nkey = hush2\n",
			"[environment] TOKEN changed #1>#2; [own] key changed #1>#2; [own] spec removed #1>#0"},
		{"a variable's case", "[environment]\ntoken = x\n", "[environment]\nTOKEN = x\n", "[environment] TOKEN added #0>#1; [environment] token removed #1>#0"},
		{"attributes that are no keys", "", "[mojo]\nenvironment = hush\ndirectory = hush\n[nova]\nservice = hush\n[service]\npassword = hush\n",
			"[service] password added #0>#1; [mojo] directory added #0>#1; [mojo] environment added #0>#1; [nova] service added #0>#1"},
		{"through a reference", "[DEFAULT]\nbase = /a\n[branches]\napp = %(base)s/x\n", "[DEFAULT]\nbase = /b\n[branches]\napp = %(base)s/x\n",
			`[branches] app relocated "/a/x">"/b/x"; [DEFAULT] base changed #1>#2`},
		{"a reference instead", "[mojo]\nproject = api\nworkspace = api\n", "[mojo]\nproject = api\nworkspace = %(project)s\n", ""},
		{"inherited", "[DEFAULT]\nstage = a\n[mojo]\n[branches]\n", "[DEFAULT]\nstage = b\n[mojo]\n[branches]\n",
			`[mojo] stage changed "a">"b"; [DEFAULT] stage changed #1>#2`},
		{"instead of the inherited", "[DEFAULT]\nstage = a\n[mojo]\n", "[DEFAULT]\nstage = a\n[mojo]\nstage = a\n", ""},
		{"an empty secret", "[environment]\nA =\nB = x\n", "[environment]\nA = x\n", "[environment] A changed #1>#2; [environment] B removed #2>#0"},
		{"locations", "[mojo]\nspec = lp:s\n[branches]\nmoved = lp:x;revno=1\npinned = lp:x\nrepinned = lp:x;revno=1\nspelled = /x\nunpinned = lp:x;tag=a;b\n",
			"[mojo]\nspec = lp:s;revid=joe@x-1\n[branches]\nmoved = lp:y\npinned = lp:x/;revno=1\nrepinned = lp:x;revno=2\nspelled = file:///x/\nunpinned = lp:x\n",
			`[mojo] spec pinned #1>#2; [branches] moved relocated "lp:x;revno=1">"lp:y"; [branches] pinned pinned "lp:x">"lp:x/;revno=1"; ` +
				`[branches] repinned repinned "lp:x;revno=1">"lp:x;revno=2"; [branches] spelled changed "/x">"file:///x/"; ` +
				`[branches] unpinned unpinned "lp:x;tag=a;b">"lp:x"`},
		{"a key like a label", "[own]\nspec = /x\n[mojo]\nstage = /x\n", "[own]\nspec = /y\n[mojo]\nstage = /y\n",
			`[mojo] stage changed "/x">"/y"; [own] spec changed #1>#2`},
		{"several lines", "[service]\nafter = a\n", "[service]\nafter = a,\n b\n", `[service] after changed "a">"a,\nb"`},
		{"the old cannot be read", "[mojo\nspec = hush\n", "[mojo]\nspec = /x\n", "the deployed config.ini cannot be read"},
		{"the new cannot be read", "[mojo]\n", "spec = hush\n", "the wanted config.ini cannot be read"},
	} {
		t.Run(test.name, func(t *testing.T) {
			changes, err := CompareKeys(schemas(drivers()), &Masks{}, []byte(test.from), []byte(test.to))
			got := strings.ReplaceAll(strings.TrimSpace(describeKeys(changes, err)), "\n", "; ")
			if diff := cmp.Diff(test.want, got); diff != "" || changes == nil && err == nil {
				t.Errorf("keys (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCompareKeysOfNoFile(t *testing.T) {
	for want, texts := range map[string][2][]byte{
		`[mojo] stage added "">"a"`:   {nil, []byte("[mojo]\nstage = a\n")},
		`[mojo] stage removed "a">""`: {[]byte("[mojo]\nstage = a\n"), nil},
	} {
		changes, err := CompareKeys(schemas(drivers()), &Masks{}, texts[0], texts[1])
		if got := strings.TrimSpace(describeKeys(changes, err)); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// A key is public if every attribute that it becomes is.
func TestCompareKeysAsksTheSchemas(t *testing.T) {
	for id, types := range map[settingID][]string{
		{mojoSection, "spec"}: {"bzr_branch", "mojo_run"}, {mojoSection, "stage"}: {"mojo_run"}, {branchesSection, "app"}: {"bzr_branch"},
		{novaSection, "servers"}: {"nova_stamp"}, {serviceSection, "timeout"}: {"mojo_run"}, {serviceSection, "auto"}: nil,
		{novaSection, "juju-application"}: {"nova_stamp"}, {novaSection, "regions"}: {"nova_stamp"}, {mojoSection, "record"}: nil,
	} {
		for _, secret := range append(types, "") {
			all := schemas(drivers())
			all[secret] = secretSchema(all[secret])
			changes, err := CompareKeys(all, &Masks{}, nil, []byte("["+id.section+"]\n"+id.key+" = 9m\n"))
			if public := secret == ""; err != nil || len(changes) != 1 || changes[0].Public != public {
				t.Errorf("%v with a secret %q: %v, %v", id, secret, changes, err)
			}
		}
	}
}

func secretSchema(schema resource.Schema) resource.Schema {
	attrs := map[string]resource.Attr{}
	for name, attr := range schema.Attrs {
		attr.Public = false
		attrs[name] = attr
	}
	return resource.Schema{Role: schema.Role, Attrs: attrs}
}

// No form of a location lets a password through, nor its other side.
func TestCompareKeysHidesPasswords(t *testing.T) {
	for location, public := range map[string]bool{
		"/srv/spec": true, "lp:~ann/api/spec;revno=3": true, "file:///srv/x": true, "bzr+ssh://ann@host/x": true, "bzr://host:4155/x": true,
		"bzr://[::1]:4155/x": true, "https://host": true, "https://host/a%%20b,branch=c": true, "sftp://host/~/x": true,
		"lp:x;revid=ann@example.com-20270102030405-abcdefghij123456": true, "lp:x;revid=hush@host": false,
		"https://ann:hush@host/x;revid=ann@example.com-20270102030405-abcdefghij123456": false,
		"bzr+ssh://ann:hush@host/x": false, "bzr+ssh://:hush@host/x": false, "https://ann:hu/sh@host/x": false, "https://ann:hu@sh@host/x": false,
		"https://ann:hu sh@host/x": false, "lp:~ann:hush@x": false, "lp:ann:hush@x": false, "//ann:hush@host/x": false, "ann:hush@host:x": false,
		"http:ann:hush@host/x": false, "https://ann%%3Ahush@host/x": false, "https://ann:hush%%40host/x": false, "https://ann:hush": false,
		"https://host/x?token=hush": false, "https://host/x#hush": false, "readonly+https://ann:hush@host/x": false, "/x@hush": false,
		"http://a://hush@host/x": false, "%(base)s@host/x": false, "https://ann:%(word)s@host/x": false, "/x,\n https://ann:hush@host/": false,
	} {
		text := []byte("[DEFAULT]\nbase = https://ann:hush\nword = hush\n[branches]\napp = " + location + "\n[mojo]\nspec = " + location + "\n")
		for _, sides := range [][2][]byte{{nil, text}, {text, nil}, {text, []byte("[branches]\napp = /x\n[mojo]\nspec = /x\n")}} {
			changes, err := CompareKeys(schemas(drivers()), &Masks{}, sides[0], sides[1])
			if err != nil {
				t.Errorf("%s: %v", location, err)
			}
			for _, c := range changes {
				if c.Section != defaultSection && c.Public != public || strings.Contains(c.From+c.To, "hush") || !c.Public && c.From+c.To != "" {
					t.Errorf("%s: %+v", location, c)
				}
			}
		}
	}
}

// FuzzCompareKeys demands of any two files: a file does not differ from itself, what is added one way is removed the other way, the order
// is that of names, and what is shown cannot hold a password.
func FuzzCompareKeys(f *testing.F) {
	f.Add([]byte("[mojo]\nspec = /x\n"), []byte("[mojo]\nspec = https://ann:hush@host/\n"))
	for _, test := range accepted {
		if len(test.src) < 1000 {
			f.Add([]byte(test.src), []byte("[DEFAULT]\nstage = x\n[mojo]\n"+test.src))
		}
	}
	types := schemas(drivers())
	f.Fuzz(func(t *testing.T, from, to []byte) {
		forth, err := CompareKeys(types, &Masks{}, from, to)
		back, otherErr := CompareKeys(types, &Masks{}, to, from)
		if (err == nil) != (otherErr == nil) || len(forth) != len(back) {
			t.Fatalf("%v, %v there and %v, %v back", forth, err, back, otherErr)
		}
		for i, c := range forth {
			mirrored := plan.KeyChange{Section: c.Section, Key: c.Key, Kind: c.Kind, Public: c.Public, From: c.To, To: c.From, FromMask: back[i].FromMask, ToMask: back[i].ToMask}
			if kind, ok := opposite[c.Kind]; ok {
				mirrored.Kind = kind
			}
			if mirrored != back[i] || !innocent(c.From) || !innocent(c.To) || c.FromMask == c.ToMask != c.Public {
				t.Errorf("%+v there, %+v back", c, back[i])
			}
			if i > 0 && compareSettings(settingID{forth[i-1].Section, forth[i-1].Key}, settingID{c.Section, c.Key}) >= 0 {
				t.Errorf("%+v comes after %+v", c, forth[i-1])
			}
		}
		if same, _ := CompareKeys(types, &Masks{}, from, from); len(same) > 0 {
			t.Errorf("a file differs from itself: %+v", same)
		}
	})
}

// opposite are the kinds that are others on the way back.
var opposite = map[plan.KeyKind]plan.KeyKind{plan.KeyAdded: plan.KeyRemoved, plan.KeyRemoved: plan.KeyAdded, plan.KeyPinned: plan.KeyUnpinned,
	plan.KeyUnpinned: plan.KeyPinned}

// Every key that cdplan knows shows its value, but for what is the environment, and for what may lead to a password.
func TestCompareKeysShowsWhatIsPublic(t *testing.T) {
	for section, names := range keys {
		for _, name := range names {
			text := "[" + section + "]\n" + name + " = 30m\n"
			changes, err := CompareKeys(schemas(drivers()), &Masks{}, []byte(text), []byte(strings.ReplaceAll(text, "30m", "45m")))
			from, to := "30m", "45m"
			if section == scaleSection && slices.Contains(hiddenKeys, name) {
				from, to = "", ""
			}
			if err != nil || len(changes) != 1 || changes[0].From != from || changes[0].To != to {
				t.Errorf("[%s] %s: %+v, %v", section, name, changes, err)
			}
		}
	}
}

// The numbers go on from one file to the next.
func TestMasks(t *testing.T) {
	var masks Masks
	var got strings.Builder
	for _, texts := range [][2]string{{"a = 1\nb = 2\n", "a = 3\n"}, {"a = 2\n", "a = 4\nb = 1\n"}} {
		got.WriteString(describeKeys(CompareKeys(schemas(drivers()), &masks, []byte("[own]\n"+texts[0]), []byte("[own]\n"+texts[1]))))
	}
	want := "[own] a changed #1>#2\n[own] b removed #3>#0\n[own] a changed #3>#4\n[own] b added #0>#1\n"
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Errorf("masks (-want +got):\n%s", diff)
	}
}
