// SPDX-License-Identifier: Apache-2.0
/** The guest's root: a tree of Debian's packages with the programs that people use a camera with. */
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { lockCache } from '../vm/lab/cache-lock.ts';
import { inTree } from '../vm/lab/chroot.ts';
import { aptIn, forgetDownloads } from '../vm/lab/downloads.ts';
import { keepRoot, stampIn } from '../vm/lab/kept.ts';
import { GUEST_RECIPE, type RootRecipe } from '../vm/lab/roots.ts';

/** What programs find around them where people sit: a screen, a session bus, and who tells them of devices. */
const DESKTOP = [
  ...['dbus-daemon', 'fonts-dejavu-core', 'libgl1-mesa-dri', 'openbox', 'udev', 'xdotool', 'xkb-data', 'xvfb'],
  ...['libglib2.0-bin', 'shared-mime-info', 'adwaita-icon-theme'],
];

const PROGRAMS = [
  ...['chromium', 'firefox-esr'],
  ...['cheese', 'guvcview', 'mpv', 'obs-studio', 'qv4l2'],
  ...['curl', 'motion', 'ustreamer', 'fswebcam'],
  ...['libsdl3-0', 'python3-opencv'],
  ...['gstreamer1.0-pipewire', 'pipewire', 'pipewire-bin', 'wireplumber'],
];

export const PROGRAMS_RECIPE: RootRecipe = {
  ...GUEST_RECIPE,
  name: 'guest-programs',
  packages: [...GUEST_RECIPE.packages, ...DESKTOP, ...PROGRAMS],
};

/** What the scripts of packages would have made: they are not run. */
const INDEXES = [
  ['glib-compile-schemas', '/usr/share/glib-2.0/schemas'],
  ['update-mime-database', '/usr/share/mime'],
  ['sh', '-c', '/usr/lib/x86_64-linux-gnu/gdk-pixbuf-2.0/gdk-pixbuf-query-loaders --update-cache'],
  ['fc-cache'],
];

/** Users that programs look for; those who make them are scripts of packages, too. */
const USERS = ['messagebus:x:101:101::/nonexistent:/usr/sbin/nologin'];

/** The tree in the cache, made unless it is there; its path. Throws `LabError`. */
export async function programsTree(cache: string, progress: (part: string, step: string) => void): Promise<string> {
  mkdirSync(join(cache, 'stamps'), { recursive: true });
  using _alone = await lockCache(cache, () => progress('cache', 'waiting for another process that sets it up'));
  const tree = await keepRoot(
    PROGRAMS_RECIPE,
    cache,
    aptIn(cache, (step) => progress('tools', step)),
    progress,
  );
  await stampIn(cache, 'programs-indexes', JSON.stringify([PROGRAMS_RECIPE, INDEXES, USERS])).make(async () => {
    progress('programs', 'making the indexes of its packages');
    for (const user of USERS) appendFileSync(join(tree, 'etc/passwd'), `${user}\n`);
    writeFileSync(join(tree, 'etc/machine-id'), '0123456789abcdef0123456789abcdef\n');
    for (const index of INDEXES) await inTree(tree, `running ${index[0]}`, index);
  });
  forgetDownloads(cache);
  return tree;
}
