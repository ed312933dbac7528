#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The first program of a User-mode Linux kernel whose root is this machine's own, read-only: gives it /dev, /run and a TMPDIR of its own,
# then serves the harness. Words of the kernel's command line are its variables: $paravideo_busybox, and $paravideo_share, the folder
# that is /mnt here.
busybox=$paravideo_busybox
end() {
  sync
  "$busybox" poweroff -f
}
# not the machine's mount: what newer ones do, hostfs does not understand
mount() { "$busybox" mount -n "$@"; }
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/shm /dev/pts
mount -t devpts pts /dev/pts
mount -t tmpfs shm /dev/shm
mount -t tmpfs run /run
mount -t hostfs none /mnt -o "$paravideo_share" || { echo "init: cannot reach $paravideo_share"; end; }
ln -s /proc/self/fd /dev/fd
mkdir /run/tmp /run/home
export PATH=/mnt/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export TMPDIR=/run/tmp HOME=/run/home LC_ALL=C.UTF-8
unset paravideo_busybox paravideo_share

run() {
  setsid /bin/sh "/mnt/jobs/$1/script" < /dev/null > "/mnt/jobs/$1/stdout" 2> "/mnt/jobs/$1/stderr" 3>&- 4>&- &
  echo $! > "/run/job-$1"
  wait $!
  status=$?
  rm -f "/run/job-$1"
  echo "done $1 $status" > /run/answers
}

# The harness speaks over the first serial line: "run N", "kill N", "poweroff"; answered by "ready", "done N status". One writer, so that
# lines do not mix.
exec 3<> /dev/ttyS0
stty raw -echo <&3
mkfifo /run/answers
exec 4<> /run/answers
while read -r line; do echo "$line"; done <&4 >&3 &
read -r up _ < /proc/uptime
echo "ready $up" >&4
while :; do
  # the line ends where the harness does
  read -r verb number <&3 || end
  case "$verb" in
    run) run "$number" & ;;
    kill) [ -f "/run/job-$number" ] && kill -9 "-$(cat "/run/job-$number")" ;;
    poweroff) end ;;
  esac
done
