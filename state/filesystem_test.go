package state_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"launchpad.net/cdplan/state"
)

// asRoot returns the command line for root. Without root there is nothing to mount with, and no test to do.
func asRoot(args ...string) *exec.Cmd {
	if os.Getuid() != 0 {
		args = append([]string{"sudo", "-n"}, args...)
	}
	return exec.Command(args[0], args[1:]...)
}

func mustRun(t *testing.T, what string, cmd *exec.Cmd) {
	t.Helper()
	cmd.Env = append(os.Environ(), "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin")
	cmd.Path, cmd.Err = lookPath(t, cmd.Args[0]), nil
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %q: %v\n%s", what, cmd.Args, err, out)
	}
}

func lookPath(t *testing.T, program string) string {
	t.Helper()
	for _, dir := range append(filepath.SplitList(os.Getenv("PATH")), "/usr/sbin", "/sbin") {
		if path, err := exec.LookPath(filepath.Join(dir, program)); err == nil {
			return path
		}
	}
	t.Fatalf("the tests of locks need %s: run test/needs.sh; what they mount they mount as root, or by sudo without a password", program)
	return ""
}

// mount mounts a file system until the test ends, and returns a directory in it.
func mount(t *testing.T, args ...string) state.Dir {
	t.Helper()
	dir := t.TempDir()
	const why = "cannot mount a file system, which the tests of locks need root for, or sudo without a password, and a container with the capability " +
		"SYS_ADMIN and loop devices"
	mustRun(t, why, asRoot(append(append([]string{"mount"}, args...), dir)...))
	unmountAfter(t, dir)
	if os.Getuid() != 0 {
		mustRun(t, why, asRoot("chmod", "777", dir))
	}
	return state.Dir(filepath.Join(dir, "state"))
}

func unmountAfter(t *testing.T, dir string) {
	t.Cleanup(func() { mustRun(t, "cannot clean up", asRoot("umount", dir)) })
}

// image returns a sparse file that mkfs has made a file system of. xfs wants 300 MB, and takes a few on disk.
func image(t *testing.T, mkfs string, args ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "image")
	if err := errors.Join(os.WriteFile(file, nil, 0o600), os.Truncate(file, 304<<20)); err != nil {
		t.Fatal(err)
	}
	mustRun(t, "cannot make a file system", exec.Command(mkfs, append(args, file)...))
	return file
}

// On a file system of this host a lock keeps others out, passes to a child and ends with it.
func TestLockOnLocalFileSystems(t *testing.T) {
	for name, dir := range map[string]func(*testing.T) state.Dir{
		"tmpfs": func(t *testing.T) state.Dir { return mount(t, "-t", "tmpfs", "none") },
		"ext4":  func(t *testing.T) state.Dir { return mount(t, "-o", "loop", image(t, "mkfs.ext4", "-q")) },
		"xfs":   func(t *testing.T) state.Dir { return mount(t, "-o", "loop", image(t, "mkfs.xfs", "-q")) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := dir(t)
			lock := mustLock(t, dir, "api")
			if busy := mustBeBusy(t, dir); busy.Orphaned() {
				t.Errorf("the owner holds the lock: %v", busy)
			}
			end := startChild(t, lock.File())
			if err := lock.File().Close(); err != nil { // as the kernel does for one that dies
				t.Fatal(err)
			}
			if busy := mustBeBusy(t, dir); !busy.Orphaned() {
				t.Errorf("the child holds the lock: %v", busy)
			}
			end()
			mustClose(t, mustLock(t, dir, "api"))
		})
	}
}

// A real sshfs speaks to a real sftp server; only ssh is left out between them. The directory is reached by a link, too.
func TestLockOnAnotherHost(t *testing.T) {
	dir := t.TempDir()
	serveSFTP(t, t.TempDir(), dir)
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{dir, link} {
		dir := state.Dir(filepath.Join(dir, "state"))
		_, err := dir.Lock(t.Context(), owner, 0)
		if err == nil || !strings.Contains(err.Error(), "cannot keep locks in "+string(dir)+": it is on sshfs, where") ||
			!strings.Contains(err.Error(), "set state in cdplan.hcl or CDPLAN_STATE to a local directory") {
			t.Errorf("got %v", err)
		}
	}
}

// serveSFTP mounts the directory from at the directory to, until the test ends.
func serveSFTP(t *testing.T, from, to string) {
	t.Helper()
	const sftp = "/usr/lib/openssh/sftp-server"
	if _, err := os.Stat(sftp); err != nil {
		t.Fatalf("these tests need sftp-server: run test/needs.sh: %v", err)
	}
	ends, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	var ended chan struct{} // of sshfs, the last
	for i, args := range [][]string{{sftp}, {lookPath(t, "sshfs"), ":" + from, to, "-f", "-o", "passive"}} {
		end := os.NewFile(uintptr(ends[i]), "socket")
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = end, end, os.Stderr
		if err := errors.Join(cmd.Start(), end.Close()); err != nil {
			t.Fatal(err)
		}
		over := make(chan struct{})
		go func() {
			_ = cmd.Wait() // it was killed
			close(over)
		}()
		t.Cleanup(func() {
			_ = cmd.Process.Kill()
			<-over
		})
		ended = over
	}
	mounted := func() bool {
		var fs syscall.Statfs_t
		return syscall.Statfs(to, &fs) == nil && fs.Type == 0x65735546 // FUSE
	}
	for !mounted() {
		select {
		case <-ended:
			t.Fatal("sshfs has mounted nothing; it needs /dev/fuse and the right to mount")
		case <-time.After(20 * time.Millisecond):
		}
	}
	t.Cleanup(func() { mustRun(t, "cannot clean up", exec.Command("fusermount3", "-uz", to)) })
}
