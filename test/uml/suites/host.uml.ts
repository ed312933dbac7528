// SPDX-License-Identifier: Apache-2.0
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { REPOSITORY } from '../../vm/lab/index.ts';
import { UmlHost } from '../harness/index.ts';
import { expectCompliance } from './compliance.ts';
import { videoNodes } from './nodes.ts';

describe('User-mode Linux as a host', () => {
  let host: UmlHost;
  beforeAll(async () => {
    host = await UmlHost.boot({ modules: ['vivid n_devs=1', 'vicodec'] });
  });
  afterAll(() => host?.[Symbol.asyncDispose]());

  // at once: the tool spends nearly all of the time waiting
  it.concurrent('has a camera of the kernel’s own that the compliance tool finds right', async () => {
    const nodes = await videoNodes(host, 'vivid-000-vid-cap');
    await expectCompliance(host, nodes['vivid-000-vid-cap'], '', 'vivid, bare');
  });

  it.concurrent.each(['stateful-encoder', 'stateful-decoder', 'stateless-decoder'])(
    'has a %s of the kernel’s own that the compliance tool finds right',
    async (kind) => {
      const nodes = await videoNodes(host, `${kind}`);
      await expectCompliance(host, nodes[`${kind}`], '', `vicodec ${kind}, bare`);
    },
  );

  it('streams from the kernel’s camera', async () => {
    const nodes = await videoNodes(host, 'vivid-000-vid-cap');
    const { status, stderr } = await host.run(`v4l2-ctl -d ${nodes['vivid-000-vid-cap']} --stream-mmap --stream-count=10`);
    expect([status, stderr.match(/</g)?.length], stderr).toEqual([0, 10]);
  });

  it.each(['v4l2loopback', 'vim2m', 'vimc', 'visl'])('has devices of %s', async (module) => {
    const count = async () => Number(await host.must('ls /dev/video* | wc -l'));
    const before = await count();
    await host.load(module);
    expect(await count()).toBeGreaterThan(before);
  });

  it('runs the daemon, whose camera a front-end beside it films', async () => {
    const film = JSON.parse(await host.must(`node ${join(REPOSITORY, 'test/uml/inside/film.ts')} 30`));
    console.log(`paravideo serve ready in ${(film.startMillis / 1000).toFixed(1)} s, ${film.frames} frames, ${film.lost} lost`);
    expect(film).toMatchObject({ frames: 30, damaged: 0 });
  });
});
