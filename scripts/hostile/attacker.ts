// SPDX-License-Identifier: Apache-2.0
/** One attack in a process of its own: NAME and the sockets as JSON. Says "ready" when it is under way, ends with its standard input. */
import { ATTACKS } from './attacks.ts';
import { HostileError } from './hostile-error.ts';

const [name, targets] = process.argv.slice(2);
const attack = ATTACKS.find((one) => one.name === name);
if (attack === undefined || targets === undefined) throw new HostileError(`no attack is called ${name}`);
process.stdin.on('end', () => process.exit(0)).resume();
// A daemon that turns an attacker away has won; the measurement goes on.
process.on('unhandledRejection', (reason) => process.stderr.write(`${name}: ${String(reason)}\n`));
await attack.begin(JSON.parse(targets));
process.stdout.write('ready\n');
setInterval(() => {}, 1000);
