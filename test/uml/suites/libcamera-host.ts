// SPDX-License-Identifier: Apache-2.0
import type { UmlHost } from '../harness/index.ts';
import type { UmlLab } from '../lab/index.ts';

/** libcamera looks for devices that udev has dealt with, of which there is none here: this is how udev says so. */
export const SEEN_BY_UDEV =
  'mkdir -p /run/udev/data; for dev in /sys/bus/media/devices/*/dev /sys/class/video4linux/*/dev; ' +
  'do echo I:1 > /run/udev/data/c$(cat $dev); done';

/** Makes `cam` a command of a kernel that has devices for it. */
export async function showLibcamera(host: UmlHost, { libcamera: tree }: UmlLab): Promise<void> {
  await host.must(
    [
      `for folder in dev proc sys run; do mount --bind /$folder ${tree}/$folder; done`,
      SEEN_BY_UDEV,
      `printf '#!/bin/sh\\nexec chroot ${tree} cam "$@"\\n' > /mnt/bin/cam`,
      'chmod +x /mnt/bin/cam',
    ].join(' && '),
  );
}
