package state

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// networked are the file systems that lie on another host, by the magic numbers of statfs(2): a lock of the kernel there may end with the
// server, be unknown to it, or not pass to a child.
var networked = map[uint32]string{
	unix.NFS_SUPER_MAGIC:  "NFS",
	unix.SMB_SUPER_MAGIC:  "SMB",
	unix.SMB2_SUPER_MAGIC: "SMB",
	unix.CIFS_SUPER_MAGIC: "SMB",
	unix.AFS_SUPER_MAGIC:  "AFS",
	unix.AFS_FS_MAGIC:     "AFS",
	unix.CODA_SUPER_MAGIC: "Coda",
	unix.V9FS_MAGIC:       "9p",
	unix.CEPH_SUPER_MAGIC: "CephFS",
	unix.NCP_SUPER_MAGIC:  "NCP",
}

// fused are those of them that a process serves, by the names in mountinfo. A file system of FUSE that is not named here may well be local,
// as fuse-overlayfs and ntfs-3g are.
var fused = map[string]string{
	"fuse.sshfs":     "sshfs",
	"fuse.glusterfs": "GlusterFS",
	"fuse.ceph":      "CephFS",
	"fuse.ceph-fuse": "CephFS",
	"fuse.fuse-nfs":  "NFS",
	"fuse.juicefs":   "JuiceFS",
	"fuse.moosefs":   "MooseFS",
	"fuse.rclone":    "rclone",
	"fuse.s3fs":      "S3",
}

// local returns an error unless the directory, which is made if it is not there, is on a file system of this host, where locks can be trusted.
func (d Dir) local() error {
	if err := os.MkdirAll(string(d), 0o700); err != nil {
		return fmt.Errorf("cannot make the directory for locks: %w", err)
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(string(d), &fs); err != nil {
		return fmt.Errorf("cannot tell which file system %s is on: %w", d, err)
	}
	if name := remote(uint32(fs.Type), d.mountedAs); name != "" {
		return d.elsewhere(name)
	}
	return nil
}

// elsewhere says that the directory is on a file system of another host.
func (d Dir) elsewhere(name string) error {
	return fmt.Errorf("cannot keep locks in %s: it is on %s, where a lock of the kernel is not sure to keep others out and to end with its "+
		"process; set state in cdplan.hcl or CDPLAN_STATE to a local directory", d, name)
}

// remote names the file system if it is on another host. The name under which it is mounted is asked for where the number does not tell.
func remote(magic uint32, mountedAs func() string) string {
	if magic == unix.FUSE_SUPER_MAGIC {
		return fused[mountedAs()]
	}
	return networked[magic]
}

// mountedAs returns the name of the file system's type, as proc_pid_mountinfo(5) tells it; "" if it cannot be told.
func (d Dir) mountedAs() string {
	var stat unix.Stat_t
	if err := unix.Stat(string(d), &stat); err != nil {
		return ""
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return ""
	}
	device := fmt.Sprintf("%d:%d", unix.Major(uint64(stat.Dev)), unix.Minor(uint64(stat.Dev)))
	for line := range strings.Lines(string(mounts)) {
		mount, source, _ := strings.Cut(line, " - ")
		fields, kind := strings.Fields(mount), strings.Fields(source)
		if len(fields) > 2 && fields[2] == device && len(kind) > 0 {
			return kind[0]
		}
	}
	return ""
}
