package state

import "testing"

// The numbers are those of statfs(2).
func TestRemote(t *testing.T) {
	for _, test := range []struct {
		magic   uint32
		mounted string
		want    string
	}{
		{0x6969, "", "NFS"}, {0x517b, "", "SMB"}, {0xff534d42, "", "SMB"}, {0xfe534d42, "", "SMB"}, {0x5346414f, "", "AFS"}, {0x6b414653, "", "AFS"},
		{0x73757245, "", "Coda"}, {0x01021997, "", "9p"}, {0x00c36400, "", "CephFS"}, {0x564c, "", "NCP"},
		{0x65735546, "fuse.sshfs", "sshfs"}, {0x65735546, "fuse.glusterfs", "GlusterFS"}, {0x65735546, "fuse.fuse-overlayfs", ""}, {0x65735546, "", ""},
		{0xef53, "fuse.sshfs", ""}, {0x58465342, "", ""}, {0x01021994, "", ""}, {0x9123683e, "", ""}, {0x794c7630, "", ""}, {0x2fc12fc1, "", ""},
	} {
		if got := remote(test.magic, func() string { return test.mounted }); got != test.want {
			t.Errorf("%#x mounted as %q is %q, want %q", test.magic, test.mounted, got, test.want)
		}
	}
}
