#!/bin/busybox sh
# SPDX-License-Identifier: Apache-2.0
# The first program of a test guest: reaches the root file system on the host, then serves the harness or gives a shell.
/bin/busybox --install -s /bin
export PATH=/bin:/usr/sbin:/usr/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
while read -r module; do
  insmod "/modules/$module" || echo "init: cannot load $module"
done < /modules/order

share="trans=virtio,version=9p2000.L,msize=512000"
mount -t 9p -o "$share,cache=loose,ro" root /root &&
  mount -t 9p -o "$share,cache=loose,ro" modules /root/usr/lib/modules &&
  mount -t 9p -o "$share" share /root/mnt || echo "init: cannot mount what the host shares"
mount --bind /dev /root/dev
mkdir -p /root/dev/shm /root/dev/pts
mount -t devpts pts /root/dev/pts
mount -t tmpfs shm /root/dev/shm
mount -t proc proc /root/proc
mount -t sysfs sys /root/sys
mount -t tmpfs tmp /root/tmp
mount -t tmpfs run /root/run
export HOME=/tmp LC_ALL=C.UTF-8

end() {
  sync
  umount /root/mnt
  "$1" -f
}

if grep -qw paravideo.shell /proc/cmdline; then
  [ -f /root/mnt/start ] && chroot /root /bin/sh /mnt/start
  stty -F /dev/ttyS0 rows 40 cols 120
  setsid cttyhack chroot /root /bin/bash -i
  end poweroff
fi

# The harness speaks over a port of its own: "run N", "kill N", "poweroff", "reboot"; answered by "ready", "done N status".
port=
for file in /sys/class/virtio-ports/*/name; do
  [ "$(cat "$file")" = paravideo.agent ] && port="/dev/$(basename "$(dirname "$file")")"
done
[ -n "$port" ] || { echo "init: the harness has no port"; end poweroff; }

run() {
  setsid chroot /root /bin/sh "/mnt/jobs/$1/script" < /dev/null > "/root/mnt/jobs/$1/stdout" 2> "/root/mnt/jobs/$1/stderr" 3>&- &
  echo $! > "/tmp/job-$1"
  wait $!
  status=$?
  rm -f "/tmp/job-$1"
  echo "done $1 $status" > "$port.out"
}

# One writer, so that lines do not mix.
mkfifo "$port.out"
exec 3<> "$port" 4<> "$port.out"
while read -r line; do echo "$line"; done <&4 >&3 &
read -r up _ < /proc/uptime
echo "ready $up" >&4
while :; do
  read -r verb number <&3 || { sleep 1; continue; }
  case "$verb" in
    run) run "$number" & ;;
    kill) [ -f "/tmp/job-$number" ] && kill -9 "-$(cat "/tmp/job-$number")" ;;
    poweroff | reboot) end "$verb" ;;
  esac
done
