// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Programs of the tree of Debian's packages that scripts call by name. */
const TOOLS = ['v4l2-ctl', 'v4l2-compliance', 'media-ctl', 'ffmpeg', 'ffprobe', 'gst-launch-1.0'];

/** Those of its busybox, which this machine need not have. */
const APPLETS = ['lsmod', 'rmmod'];

/** Makes a folder of programs: `node` is the one that runs this, and those of the tree run with the tree's own libraries. */
export function putTools(tree: string, folder: string): void {
  mkdirSync(folder);
  symlinkSync(process.execPath, join(folder, 'node'));
  for (const name of APPLETS) symlinkSync(join(tree, 'usr/bin/busybox'), join(folder, name));
  const libraries = ['', '/pulseaudio', '/blas', '/lapack'].map((at) => `${tree}/usr/lib/x86_64-linux-gnu${at}`);
  const start = `${tree}/lib64/ld-linux-x86-64.so.2 --library-path ${libraries.join(':')}`;
  // GStreamer looks for its plugins where it was installed, and notes what it found; the scanner of another tree would not start.
  const plugins =
    `export GST_PLUGIN_SYSTEM_PATH_1_0=${tree}/usr/lib/x86_64-linux-gnu/gstreamer-1.0 ` +
    'GST_REGISTRY=/tmp/gstreamer-registry GST_REGISTRY_FORK=no\n';
  for (const name of TOOLS) {
    writeFileSync(join(folder, name), `#!/bin/sh\n${plugins}exec ${start} ${tree}/usr/bin/${name} "$@"\n`, { mode: 0o755 });
  }
}
