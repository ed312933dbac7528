// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { driverCycles } from '../scripts/driver-files.ts';

const file = (path: string, text: string) => ({ path: `guest/linux/${path}`, text });

const HEADER = file('driver.h', 'struct q;\nint queue_ask(struct q *q);\nvoid session_end(struct q *q);\n');
const QUEUE = `
#include "driver.h"

int queue_ask(struct q *q)
{
\tsession_end(q);
\treturn 0;
}
`;

describe('the check of the driver files', () => {
  it('accepts files that call downwards', () => {
    const session = '#include "driver.h"\n\nvoid session_end(struct q *q)\n{\n}\n';
    expect(driverCycles([HEADER, file('queue.c', QUEUE), file('session.c', session)])).toEqual([]);
  });

  it('finds two files that call each other, over lines and pointers', () => {
    const session = '\nstruct q *session_of(void);\n\nvoid\nsession_end(struct q *q,\n\t    int n)\n{\n\tqueue_ask(q);\n}\n';
    expect(driverCycles([HEADER, file('queue.c', QUEUE), file('session.c', session)])).toEqual([
      'cycle of driver files: guest/linux/queue.c -> guest/linux/session.c -> guest/linux/queue.c',
    ]);
  });

  it('finds the use of a table, too', () => {
    const table = 'const struct ops file_ops = {\n\t.open = open_file,\n};\n';
    expect(
      driverCycles([
        file('file.c', `${table}\nvoid start(void)\n{\n\trun();\n}\n`),
        file('main.c', 'void run(void)\n{\n\tuse(&file_ops);\n}\n'),
      ]),
    ).toHaveLength(1);
  });

  it('finds headers that include each other', () => {
    expect(driverCycles([file('a.h', '#include "b.h"\n'), file('b.h', '#include "a.h"\n')])).toHaveLength(1);
  });

  it('passes over static functions of one name, comments and strings', () => {
    expect(
      driverCycles([
        file('a.c', 'static int stop(void)\n{\n\treturn 0;\n}\n\nint a(void)\n{\n\treturn b();\n}\n'),
        file('b.c', '/* a() asks for it */\nint b(void)\n{\n\tlog("a() %d\\"", stop()); // a()\n\treturn 0;\n}\n'),
      ]),
    ).toEqual([]);
  });
});
