// SPDX-License-Identifier: Apache-2.0
/** A codec process that says what its time is not for: pong before it is ready, or ready over and over. */
import { ParentLink } from '../../isolation/child/parent-link.ts';
import { reports } from '../codec-messages.ts';

const link = new ParentLink(() => {});
if (process.argv[2] === 'early') link.send(reports.encode({ kind: 'pong' }));
for (let i = 0; i < 2; i += 1) link.send(reports.encode({ kind: 'ready' }));
for (;;) link.exchange(true);
