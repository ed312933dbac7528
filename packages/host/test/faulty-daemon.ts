// SPDX-License-Identifier: Apache-2.0
/** A daemon whose device throws wherever a guest tells it to, in every way that is not a command's own turn. Prints `ready`. */
import type { Logger } from '../src/daemon/index.ts';
import { lastResort } from '../src/daemon/last-resort.ts';
import { drain, eventfd, signal, watch } from '../src/sys/index.ts';
import { VfioUserServer } from '../src/transport/vfio-user/index.ts';
import { VhostUserServer } from '../src/transport/vhost-user/index.ts';
import { HookDevice, overMedia } from './vhost-user-rig.ts';

const fail = (how: string): never => {
  throw new RangeError(`thrown from ${how}`);
};

/** By the number that S_INPUT names. */
const WAYS: readonly (() => void)[] = [
  () => void setTimeout(() => fail('a timer'), 1),
  () => void setImmediate(() => fail('an immediate')),
  () => queueMicrotask(() => fail('a microtask')),
  () => process.nextTick(() => fail('a tick')),
  () => void Promise.resolve().then(() => fail('a promise')),
  () => {
    const bell = eventfd();
    const watching = watch(bell, () => {
      drain(bell);
      watching[Symbol.dispose]();
      bell.close();
      fail('a watch');
    });
    signal(bell);
  },
];

const line = (level: string) => (fields: object, message: string) =>
  console.log(JSON.stringify({ level, message, err: String((fields as { err?: unknown }).err) }));
const log = { debug: () => {}, info: line('info'), warn: line('warn'), error: line('error') };
const [, , folder] = process.argv;
const device = overMedia((guest) => {
  const hook = new HookDevice(guest);
  hook.onInput = (call) => {
    const way = call.payload.getUint32(0, true);
    if (way === 99) return 0;
    WAYS[way]?.();
    return 0;
  };
  return hook;
});
lastResort(log as unknown as Logger, () => process.exit(70));
VhostUserServer.listen({ path: `${folder}/a`, device, log, arenaBytes: 1 << 24 });
VhostUserServer.listen({ path: `${folder}/b`, device, log, arenaBytes: 1 << 24 });
VfioUserServer.listen({ path: `${folder}/c`, device, log, arenaBytes: 1 << 24 });
console.log('ready');
