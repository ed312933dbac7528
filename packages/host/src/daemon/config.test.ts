// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { SOURCE_ADAPTERS, type SourceAdapter } from '../sources/index.ts';
import { cameraInputs } from './config.ts';
import { ConfigError } from './config-error.ts';
import { checkConfig, parseConfig } from './load-config.ts';
import { anchorPaths, mergeConfig } from './merge-config.ts';
import { formatSize, parseSize } from './units.ts';

const problems = (text: string): readonly string[] => {
  try {
    parseConfig(text, 'pv.yaml');
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  throw new TypeError('the configuration was accepted');
};

describe('the configuration', () => {
  it('fills in the defaults', () => {
    const config = parseConfig('devices:\n  - { kind: camera, name: cam0, socket: /tmp/cam.sock }\n', 'pv.yaml');
    expect(config).toMatchObject({
      log: 'warn',
      workers: 1,
      devices: [{ planes: 'single', socket: ['/tmp/cam.sock'] }],
    });
    expect(config.devices.map((device) => device.kind === 'camera' && cameraInputs(device))).toEqual([[{ source: 'pattern' }]]);
  });

  it('lets one camera have several sockets, and several cameras one source', () => {
    const config = parseConfig(
      `sources:
  clip: { file: clip.mp4 }
devices:
  - { kind: camera, name: a, socket: [/tmp/a, /tmp/b], source: clip }
  - { kind: camera, name: b, socket: /tmp/c, source: clip, size: 640x480, fps: 12.5 }
`,
      'pv.yaml',
    );
    expect(config.devices.map((device) => device.socket.length)).toEqual([2, 1]);
    expect(config.devices[1]).toMatchObject({ size: { width: 640, height: 480 }, fps: 12.5 });
  });

  it('names the line and the field of each mistake', () => {
    expect(
      problems(`log: loud
devices:
  - kind: camera
    name: cam0
    socket: /tmp/a.sock
    size: huge
  - kind: decoder
    name: cam0
    socket: /tmp/b.sock
    codecs: [h264, divx]
    colour: red
`),
    ).toEqual([
      expect.stringMatching(/^pv\.yaml:1: log is wrong: /),
      'pv.yaml:6: devices[0].size is wrong: must look like 1280x720',
      expect.stringMatching(/^pv\.yaml:10: devices\[1\]\.codecs\[1\] is wrong: /),
      'pv.yaml:11: devices[1].colour is not a field that is known here',
    ]);
  });

  it('says what is missing and what is used twice', () => {
    expect(problems('devices:\n  - kind: camera\n    socket: /tmp/a\n')).toEqual(['pv.yaml:2: devices[0].name is missing']);
    expect(problems('devices:\n- {kind: camera, name: a, socket: /tmp/a}\n- {kind: decoder, name: a, socket: /tmp/a}\n')).toEqual(
      ['pv.yaml:3: devices[1].name is used twice: a', 'pv.yaml:3: devices[1].socket is used twice: /tmp/a'],
    );
  });

  it('takes sizes, rates and values of controls for guests', () => {
    const camera = (text: string) => `devices:\n  - {kind: camera, name: a, socket: /tmp/a, ${text}}\n`;
    expect(parseConfig(camera('card: A'), 'pv.yaml').devices[0]).toMatchObject({ sizes: 'list' });
    expect(parseConfig(camera('controls: locked'), 'pv.yaml').devices[0]).toMatchObject({ controls: 'locked' });
    expect(parseConfig(camera('sizes: ranges'), 'pv.yaml').devices[0]).toMatchObject({ sizes: 'ranges' });
    expect(parseConfig(camera('sizes: [640x480], rates: [30, 29.97]'), 'pv.yaml').devices[0]).toMatchObject({
      sizes: [{ width: 640, height: 480 }],
      rates: [30, 29.97],
    });
    expect(parseConfig(camera('controls: fixed, set: {hue: 3}'), 'pv.yaml').devices[0]).toMatchObject({ set: { hue: 3 } });
    expect(problems(camera('set: {hue: 3}'))).toEqual([
      'pv.yaml:2: devices[0].set has no effect without controls: fixed: add it, or leave this out',
    ]);
    expect(problems(camera('controls: fixed, set: {hue: red}'))[0]).toMatch(/devices\[0\]\.set\.hue is wrong: .*number/);
    expect(problems(camera('sizes: all'))[0]).toMatch(/devices\[0\]\.sizes is wrong: must be list, ranges, or a list of sizes/);
    expect(problems(camera('sizes: ranges, rates: [30]'))).toEqual([
      'pv.yaml:2: devices[0].rates has no effect with sizes: ranges: leave one of them out',
    ]);
  });

  it('takes the kinds of sources that it is told of, with the settings that these ask for', () => {
    const rtsp: SourceAdapter = {
      kind: 'rtsp',
      settings: z.strictObject({ rtsp: z.url() }),
      open: () => expect.unreachable('nothing is opened here'),
    };
    const devices = [{ kind: 'camera', name: 'a', socket: '/tmp/a', source: 'door' }];
    const adapters = [...SOURCE_ADAPTERS, rtsp];
    const check = (door: unknown, o = { adapters }) => checkConfig({ sources: { door }, devices }, o);
    expect(check({ rtsp: 'rtsp://door/1' }).sources.door).toEqual({
      kind: 'adapted',
      adapter: rtsp,
      settings: { rtsp: 'rtsp://door/1' },
      absent: 'error',
      fit: 'contain',
    });
    const film = { file: '/a.mp4', fit: 'cover' };
    expect(check(film).sources.door).toMatchObject({ adapter: { kind: 'file' }, settings: film });
    expect(() => check({ file: '/a.mp4', fit: 'wide' })).toThrow(/sources\.door\.fit is wrong/);
    expect(() => check({ rtsp: 'no' })).toThrow(/sources\.door\.rtsp is wrong/);
    expect(() => check({ file: 3 })).toThrow(/sources\.door\.file is wrong: .*expected string/);
    expect(() => check({ pigeon: 1 })).toThrow(/sources\.door is wrong: Unrecognized key: "pigeon"/);
    expect(() => check({ rtsp: 'rtsp://door/1' }, { adapters: [...SOURCE_ADAPTERS] })).toThrow(ConfigError);
  });

  it('takes a policy for a source that may be away, that of its kind unless it is written', () => {
    const lasting: SourceAdapter = { kind: 'web', absent: 'no-signal', open: () => expect.unreachable('nothing is opened here') };
    const devices = [{ kind: 'camera', name: 'a', socket: '/tmp/a', source: 'door' }];
    const check = (door: unknown) => checkConfig({ sources: { door }, devices }, { adapters: [...SOURCE_ADAPTERS, lasting] });
    expect(
      [{ web: null }, { web: null, absent: 'error' }, { device: '/dev/video0', absent: 'no-signal' }].map(
        (each) => check(each).sources.door,
      ),
    ).toMatchObject([{ absent: 'no-signal' }, { absent: 'error' }, { absent: 'no-signal', settings: { device: '/dev/video0' } }]);
    expect(() => check({ web: null, absent: 'hold' })).toThrow(/sources\.door\.absent must be one of error, no-signal/);
    expect(() => check({ file: '/a.mp4', absent: 'no-signal' })).toThrow(/sources\.door\.absent has no effect/);
  });

  it('takes a fit for every source, but for one that makes every shape itself', () => {
    const devices = [{ kind: 'camera', name: 'a', socket: '/tmp/a', source: 'door' }];
    const check = (door: unknown) => checkConfig({ sources: { door }, devices }).sources.door;
    expect(check({ device: '/dev/video0', fit: 'cover' })).toMatchObject({ fit: 'cover', settings: { device: '/dev/video0' } });
    expect(check({ fifo: 'f', fit: 'stretch', absent: 'no-signal' })).toMatchObject({ fit: 'stretch', absent: 'no-signal' });
    expect(check({ file: '/a.mp4', fit: 'cover' })).toMatchObject({ fit: 'contain', settings: { fit: 'cover' } });
    expect(() => check({ device: '/dev/video0', fit: 'wide' })).toThrow(
      /sources\.door\.fit must be one of contain, cover, stretch/,
    );
    expect(() => check({ pattern: null, fit: 'cover' })).toThrow(/sources\.door is wrong: Unrecognized key: "fit"/);
  });

  it('knows the options of a test pattern', () => {
    const yaml = (pattern: string) =>
      `sources:\n  a: { pattern: ${pattern} }\ndevices: [ { kind: camera, name: c, socket: c, source: a } ]\n`;
    const settings = (pattern: string) => {
      const { a } = parseConfig(yaml(pattern), 'pv.yaml').sources;
      return a?.settings;
    };
    expect(settings('')).toEqual({ pattern: null });
    const all = '{ kind: noise, card: Door, text: 3, caption: false, moving: false, size: 640x480, fps: 29.97 }';
    expect(settings(all.replace('text: 3', 'text: Door 3'))).toEqual({
      pattern: {
        kind: 'noise',
        card: 'Door',
        text: 'Door 3',
        caption: false,
        moving: false,
        size: { width: 640, height: 480 },
        fps: 29.97,
      },
    });
    const wrong = (pattern: string) => problems(yaml(pattern))[0];
    expect(wrong('{ kind: snow }')).toMatch(/pv\.yaml:2: sources\.a\.pattern\.kind is wrong/);
    expect(wrong('{ size: 641x480 }')).toBe(
      'pv.yaml:2: sources.a.pattern.size must be even, and lie between 96x64 and 4096x2160',
    );
    expect(wrong('{ fps: 200 }')).toMatch(/sources\.a\.pattern\.fps is wrong/);
    expect(wrong('{ colour: red }')).toBe('pv.yaml:2: sources.a.pattern.colour is not a field that is known here');
  });

  it('knows slides, and what may be written of them', () => {
    const yaml = (source: string) =>
      `sources:\n  a: { ${source} }\ndevices: [ { kind: camera, name: c, socket: c, source: a } ]\n`;
    const written = 'slides: pictures, seconds: 2.5, fit: cover, card: Lobby, absent: no-signal';
    expect(parseConfig(yaml(written), 'pv.yaml').sources.a).toMatchObject({
      adapter: { kind: 'slides' },
      settings: { slides: 'pictures', seconds: 2.5, fit: 'cover', card: 'Lobby' },
    });
    expect(problems(yaml('slides: pictures, seconds: 0'))[0]).toMatch(/pv\.yaml:2: sources\.a\.seconds is wrong/);
    const slides = { a: { slides: 'pictures' } };
    expect(anchorPaths({ sources: slides, devices: [] }, '/etc/pv/pv.yaml', SOURCE_ADAPTERS).sources).toEqual({
      a: { slides: '/etc/pv/pictures' },
    });
  });

  it('knows a source that shows one of several others, which have to be there, and no choices themselves', () => {
    const yaml = (choice: string) =>
      `sources:\n  a: { file: a.mp4 }\n  b: { choice: [a] }\n  c: { ${choice} }\ndevices: [ { kind: camera, name: c, socket: c, source: c } ]\n`;
    const { c } = parseConfig(yaml('choice: [a, pattern], chosen: c.txt, size: 640x480, fps: 25'), 'pv.yaml').sources;
    expect(c).toMatchObject({ kind: 'choice', settings: { choice: ['a', 'pattern'], size: { width: 640, height: 480 } } });
    const members = 'pv.yaml:4: sources.c.choice[1]';
    expect(problems(yaml('choice: [a, d]'))).toEqual([`${members} names no source: d (there are: pattern, a)`]);
    expect(problems(yaml('choice: [a, a]'))).toEqual([`${members} is named twice: a`]);
    expect(problems(yaml('choice: [a, b]'))).toEqual([`${members} is a choice itself: b`]);
    expect(problems(yaml('choice: []'))).toEqual(['pv.yaml:4: sources.c.choice is wrong: must name at least one source']);
    expect(problems(yaml('choice: [a], rate: 3'))).toEqual(['pv.yaml:4: sources.c.rate is not a field that is known here']);
    const written = { sources: { c: { choice: ['a'], chosen: 'c.txt' } }, devices: [] };
    expect(anchorPaths(written, '/etc/pv/pv.yaml', SOURCE_ADAPTERS).sources).toEqual({
      c: { choice: ['a'], chosen: '/etc/pv/c.txt' },
    });
  });

  it('knows sources of raw frames, and what may be written of them', () => {
    const yaml = (source: string) =>
      problems(`sources:\n  a: { ${source} }\ndevices: [ { kind: camera, name: c, socket: c, source: a } ]\n`);
    for (const fine of [
      'command: [ffmpeg, -i, x], keep: true, folder: films',
      'fifo: frames, format: frames, lossless: true',
      'socket: frames, size: 640x480, fps: 29.97, pixel-format: NV12',
      'stdin: ',
    ]) {
      expect(() => yaml(fine)).toThrow('the configuration was accepted');
    }
    expect(yaml('command: ffmpeg')).toEqual([expect.stringContaining('pv.yaml:2: sources.a.command is wrong: ')]);
    expect(yaml('command: []')).toEqual([expect.stringContaining('sources.a.command is wrong: ')]);
    expect(yaml('fifo: x, keep: true')).toEqual(['pv.yaml:2: sources.a.keep is not a field that is known here']);
    expect(yaml('fifo: x, size: 8x8')).toEqual([expect.stringContaining('sources.a.size must lie between 16x16 and 8192x8192')]);
    expect(yaml('fifo: x, pixel-format: H264')).toEqual([expect.stringContaining('H264 is coded from frame to frame')]);
    expect(yaml(`socket: /tmp/${'x'.repeat(120)}`)).toEqual([expect.stringContaining('longer than the 107 bytes')]);
    const two = 'sources: { a: { stdin: }, b: { stdin: } }\ndevices: [ { kind: camera, name: c, socket: c, source: a } ]\n';
    expect(problems(two)).toEqual([
      'pv.yaml:1: sources.b is a second source of stdin, of which there is one: let the cameras share it',
    ]);
  });

  it('knows the sources that a camera may name', () => {
    expect(problems('devices:\n  - {kind: camera, name: a, socket: /tmp/a,\n     source: clip}\n')).toEqual([
      'pv.yaml:3: devices[0].source names no source: clip (there are: pattern)',
    ]);
  });

  it('lets a camera have several inputs, each with a name and a source of its own', () => {
    const camera = (text: string) => `devices:\n  - kind: camera\n    name: a\n    socket: /tmp/a\n${text}`;
    const two = '    inputs:\n      - { name: Front, source: pattern }\n';
    expect(parseConfig(camera(two), 'pv.yaml').devices[0]).toMatchObject({ inputs: [{ name: 'Front', source: 'pattern' }] });
    expect(problems(camera(`${two}    source: pattern\n    controls: fixed\n    set: { hue: 1 }\n`))).toEqual([
      'pv.yaml:7: devices[0].source has no effect beside inputs: leave one of them out',
      'pv.yaml:9: devices[0].set has no effect with inputs, each of which has the controls of its source: leave this out',
    ]);
    expect(problems(camera(`${two}      - { name: Front, source: desk }\n`))).toEqual([
      'pv.yaml:7: devices[0].inputs[1].name is used twice: Front',
      'pv.yaml:7: devices[0].inputs[1].source names no source: desk (there are: pattern)',
    ]);
    expect(problems(camera(`    inputs: [{ name: ${'é'.repeat(16)}, source: pattern }]\n`))).toEqual([
      'pv.yaml:5: devices[0].inputs[0].name is longer than the 31 bytes that guests can be told',
    ]);
    const many = Array.from({ length: 17 }, (_, i) => `{ name: n${i}, source: pattern }`).join(', ');
    expect(problems(camera(`    inputs: [${many}]\n`))).toEqual([expect.stringContaining('devices[0].inputs is wrong: ')]);
  });

  it('gives the line of a YAML mistake', () => {
    expect(problems('devices:\n  - {kind: camera\nlog: warn\n')[0]).toMatch(/^pv\.yaml:\d+: /);
  });

  it('refuses a socket path that no unix socket address can hold', () => {
    expect(() => checkConfig({ devices: [{ kind: 'camera', name: 'a', socket: `/tmp/${'x'.repeat(120)}` }] })).toThrow(
      /devices\[0\]\.socket.*107 bytes/,
    );
  });
});

describe('sizes with units', () => {
  it('reads binary units and nothing else', () => {
    expect(['4096', '64KiB', '512 MiB', '1G', '1.5G', 'x'].map(parseSize)).toEqual([
      4096,
      65536,
      512 << 20,
      1 << 30,
      undefined,
      undefined,
    ]);
  });

  it('writes them for people', () => {
    expect([512, 65536, 3 << 20].map(formatSize)).toEqual(['512 B', '64.0 KiB', '3.0 MiB']);
  });
});

describe('devices of flags beside those of a file', () => {
  const camera = { kind: 'camera', name: 'camera', socket: '/tmp/a', source: 'file' } as const;

  it('keep their names where these are free, and get others where not', () => {
    const base = { sources: { file: { file: '/a.mp4' } }, devices: [camera] };
    const added = { workers: 2, sources: { file: { file: '/b.mp4' } }, devices: [{ ...camera, socket: '/tmp/b' }] };
    expect(mergeConfig(base, added)).toEqual({
      workers: 2,
      sources: { file: { file: '/a.mp4' }, 'file-2': { file: '/b.mp4' } },
      devices: [camera, { ...camera, name: 'camera-2', socket: '/tmp/b', source: 'file-2' }],
    });
    const inputs = [{ name: 'Film', source: 'file' }];
    const { source: _, ...unsourced } = camera;
    const chosen = { sources: { file: { file: '/b.mp4' } }, devices: [{ ...unsourced, inputs }] };
    expect(mergeConfig(base, chosen).devices[1]).toMatchObject({ inputs: [{ name: 'Film', source: 'file-2' }] });
  });

  it('leave the paths of the file relative to its folder', () => {
    const raw = { b: { fifo: 'b' }, c: { socket: '/c' }, d: { command: ['x', 'y'] }, e: { command: ['x'], folder: 'z' } };
    expect(anchorPaths({ sources: raw, devices: [] }, '/etc/pv/pv.yaml', SOURCE_ADAPTERS).sources).toEqual({
      b: { fifo: '/etc/pv/b' },
      c: { socket: '/c' },
      d: { command: ['x', 'y'], folder: '/etc/pv' },
      e: { command: ['x'], folder: '/etc/pv/z' },
    });
    const config = { sources: { a: { file: 'a.mp4' } }, devices: [{ ...camera, socket: ['x', '/y'] }] };
    expect(anchorPaths(config, '/etc/pv/pv.yaml', SOURCE_ADAPTERS)).toMatchObject({
      sources: { a: { file: '/etc/pv/a.mp4' } },
      devices: [{ socket: ['/etc/pv/x', '/y'] }],
    });
  });
});
