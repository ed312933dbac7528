// SPDX-License-Identifier: Apache-2.0
import { awaitScript } from '../../vm/harness/index.ts';
import type { UmlHost } from '../harness/index.ts';

const NAMES = '/sys/class/video4linux/*/name';

/** `/dev/videoN` of each V4L2 device of a kernel, by the name that it has there; waits until there is one of the name `awaited`. */
export async function videoNodes(host: UmlHost, awaited: string): Promise<Readonly<Record<string, string>>> {
  const list = await host.must(
    `${awaitScript(`grep -qxF '${awaited}' ${NAMES} || { cat ${NAMES}; false; }`)}; ` +
      `for name in ${NAMES}; do echo "$(cat $name)=/dev/$(basename $(dirname $name))"; done`,
  );
  return Object.fromEntries(
    list
      .trim()
      .split('\n')
      .map((line) => line.split('=') as [string, string]),
  );
}
