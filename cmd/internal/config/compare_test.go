package config

import (
	"fmt"
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
		} else if c.From != "" || c.To != "" {
			b.WriteString(" with a value")
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
				`[service] timeout added "">"1m"; [mojo] spec added "">"/x"; [branches] app added "">"/a"; [environment] B added; [environment] a added; ` +
				`[nova] servers added "">"s-*"; [DEFAULT] base added; [zoo] a added; [zoo] b added`},
		{"secrets", "[environment]\nTOKEN = hush\n[own]\nkey = hush\nspec = hush\n", "[environment]\nTOKEN = hush2\n[own]\nkey = hush2\n",
			"[environment] TOKEN changed; [own] key changed; [own] spec removed"},
		{"a variable's case", "[environment]\ntoken = x\n", "[environment]\nTOKEN = x\n", "[environment] TOKEN added; [environment] token removed"},
		{"attributes that are no keys", "", "[mojo]\nenvironment = hush\ndirectory = hush\n[nova]\nservice = hush\n[service]\npassword = hush\n",
			"[service] password added; [mojo] directory added; [mojo] environment added; [nova] service added"},
		{"through a reference", "[DEFAULT]\nbase = /a\n[branches]\napp = %(base)s/x\n", "[DEFAULT]\nbase = /b\n[branches]\napp = %(base)s/x\n",
			`[branches] app changed "/a/x">"/b/x"; [DEFAULT] base changed`},
		{"a reference instead", "[mojo]\nproject = api\nworkspace = api\n", "[mojo]\nproject = api\nworkspace = %(project)s\n", ""},
		{"inherited", "[DEFAULT]\nstage = a\n[mojo]\n[branches]\n", "[DEFAULT]\nstage = b\n[mojo]\n[branches]\n",
			`[mojo] stage changed "a">"b"; [DEFAULT] stage changed`},
		{"instead of the inherited", "[DEFAULT]\nstage = a\n[mojo]\n", "[DEFAULT]\nstage = a\n[mojo]\nstage = a\n", ""},
		{"several lines", "[service]\nafter = a\n", "[service]\nafter = a,\n b\n", `[service] after changed "a">"a,\nb"`},
		{"the old cannot be read", "[mojo\nspec = hush\n", "[mojo]\nspec = /x\n", "the deployed config.ini cannot be read"},
		{"the new cannot be read", "[mojo]\n", "spec = hush\n", "the wanted config.ini cannot be read"},
	} {
		t.Run(test.name, func(t *testing.T) {
			changes, err := CompareKeys(schemas(drivers()), []byte(test.from), []byte(test.to))
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
		changes, err := CompareKeys(schemas(drivers()), texts[0], texts[1])
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
	} {
		for _, secret := range append(types, "") {
			all := schemas(drivers())
			all[secret] = secretSchema(all[secret])
			changes, err := CompareKeys(all, nil, []byte("["+id.section+"]\n"+id.key+" = 9m\n"))
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
		"bzr+ssh://ann:hush@host/x": false, "bzr+ssh://:hush@host/x": false, "https://ann:hu/sh@host/x": false, "https://ann:hu@sh@host/x": false,
		"https://ann:hu sh@host/x": false, "lp:~ann:hush@x": false, "lp:ann:hush@x": false, "//ann:hush@host/x": false, "ann:hush@host:x": false,
		"http:ann:hush@host/x": false, "https://ann%%3Ahush@host/x": false, "https://ann:hush%%40host/x": false, "https://ann:hush": false,
		"https://host/x?token=hush": false, "https://host/x#hush": false, "readonly+https://ann:hush@host/x": false, "/x@hush": false,
		"http://a://hush@host/x": false, "%(base)s@host/x": false, "https://ann:%(word)s@host/x": false, "/x,\n https://ann:hush@host/": false,
	} {
		text := []byte("[DEFAULT]\nbase = https://ann:hush\nword = hush\n[branches]\napp = " + location + "\n[mojo]\nspec = " + location + "\n")
		for _, sides := range [][2][]byte{{nil, text}, {text, nil}, {text, []byte("[branches]\napp = /x\n[mojo]\nspec = /x\n")}} {
			changes, err := CompareKeys(schemas(drivers()), sides[0], sides[1])
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
		forth, err := CompareKeys(types, from, to)
		back, otherErr := CompareKeys(types, to, from)
		if (err == nil) != (otherErr == nil) || len(forth) != len(back) {
			t.Fatalf("%v, %v there and %v, %v back", forth, err, back, otherErr)
		}
		for i, c := range forth {
			mirrored := plan.KeyChange{Section: c.Section, Key: c.Key, Kind: opposite[c.Kind], Public: c.Public, From: c.To, To: c.From}
			if mirrored != back[i] || !innocent(c.From) || !innocent(c.To) {
				t.Errorf("%+v there, %+v back", c, back[i])
			}
			if i > 0 && compareSettings(settingID{forth[i-1].Section, forth[i-1].Key}, settingID{c.Section, c.Key}) >= 0 {
				t.Errorf("%+v comes after %+v", c, forth[i-1])
			}
		}
		if same, _ := CompareKeys(types, from, from); len(same) > 0 {
			t.Errorf("a file differs from itself: %+v", same)
		}
	})
}

var opposite = map[plan.KeyKind]plan.KeyKind{plan.KeyAdded: plan.KeyRemoved, plan.KeyRemoved: plan.KeyAdded, plan.KeyChanged: plan.KeyChanged}
