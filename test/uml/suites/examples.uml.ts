// SPDX-License-Identifier: Apache-2.0
/**
 * Every command and configuration of docs/CAMERAS.md, as it stands there: in a kernel that has a camera, and a camera of libcamera, a
 * guest sees moving pictures at the socket that the example names.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cacheFolder, REPOSITORY } from '../../vm/lab/index.ts';
import { UmlHost } from '../harness/index.ts';
import { setupUml } from '../lab/index.ts';
import { examplesOf } from './document.ts';
import { showLibcamera } from './libcamera-host.ts';
import { videoNodes } from './nodes.ts';

const TIMEOUT = 300_000;
const FRAMES = 10;

/** What this kernel's cameras are called in place of those of the examples. */
const OURS: readonly (readonly [string, string])[] = [
  ['Integrated Camera', 'vivid-000-vid-cap'],
  ['libcamera:front', "libcamera:'Sensor B'"],
];

const examples = examplesOf(readFileSync(join(REPOSITORY, 'docs/CAMERAS.md'), 'utf8'))
  .map((example) => ({ ...example, text: OURS.reduce((text, [theirs, ours]) => text.replaceAll(theirs, ours), example.text) }))
  // This kernel has no network: an example of that is tried by packages/host/test/live-example.test.ts.
  .filter(({ language, text }) => language === 'yaml' || (text.includes('paravideo serve') && !/\w:\/\//.test(text)));

/** The first socket that an example names. */
function socketOf({ language, text }: (typeof examples)[number]): string {
  const found = language === 'yaml' ? /socket: \[?([^\s,\]}]+)/.exec(text) : /--camera (\S+)/.exec(text);
  if (found?.[1] === undefined) throw new Error(`no socket in: ${text}`);
  return found[1];
}

/** As many frames as have two pictures among them: slides stay for seconds. */
function framesOf({ text }: (typeof examples)[number]): number {
  const seconds = Number(/seconds: (\d+)/.exec(text)?.[1] ?? 0);
  return FRAMES + 30 * (seconds === 0 ? 0 : seconds + 1);
}

describe('an example of CAMERAS', () => {
  let host: UmlHost;

  beforeAll(async () => {
    const lab = await setupUml({ cache: cacheFolder() });
    // The first node is the camera that the examples name.
    host = await UmlHost.boot({ modules: ['vivid n_devs=1 node_types=0x1 num_inputs=1 input_types=0x0'], lab, memoryMiB: 1536 });
    await videoNodes(host, 'vivid-000-vid-cap');
    await host.load('vimc');
    await showLibcamera(host, lab);
    await host.must(
      [
        `printf '#!/bin/sh\\nshift\\nexec node ${REPOSITORY}/packages/host/bin/start.js "$@"\\n' > /mnt/bin/npx`,
        'chmod +x /mnt/bin/npx',
        'mkdir /run/example /run/pv',
        'cd /run/example',
        // It is played once on standard input: long enough for the slowest machine to look.
        'ffmpeg -v error -f lavfi -i testsrc2=size=320x180:rate=10 -t 300 -c:v mpeg4 -q:v 4 film.mp4',
        'cp film.mp4 desk.mp4',
        'mkdir pictures',
        'ffmpeg -v error -f lavfi -i testsrc2=size=320x180:rate=1 -frames:v 3 pictures/%d.png',
      ].join(' && '),
      TIMEOUT,
    );
  });
  afterAll(() => host?.[Symbol.asyncDispose]());

  it('is one of those that are tried here', () => {
    expect(examples.length).toBeGreaterThanOrEqual(6);
  });

  it.each(examples)('shows moving pictures: $title', async (example) => {
    const { language, text } = example;
    const script =
      language === 'yaml' ? `cat > config.yaml <<'EOF'\n${text}EOF\nnpx paravideo serve --config config.yaml` : text.trimEnd();
    const told = await host.must(
      [
        'cd /run/example',
        `cat > run.sh <<'END'\n${script}\nEND`,
        'setsid sh run.sh > log 2>&1 &',
        'example=$! status=0',
        `timeout 240 node ${REPOSITORY}/test/uml/inside/look.ts ${socketOf(example)} ${framesOf(example)} || { cat log >&2; status=1; }`,
        'kill -TERM -$example; wait $example',
        'exit $status',
      ].join('\n'),
      TIMEOUT,
    );
    expect(JSON.parse(told).pictures).toBeGreaterThan(1);
  });
});
