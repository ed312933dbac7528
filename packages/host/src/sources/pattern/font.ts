// SPDX-License-Identifier: Apache-2.0
/** The characters of the burnt-in clock: 5 x 7 dots, drawn for this project. */

/** dots */
export const GLYPH_WIDTH = 5;
/** dots */
export const GLYPH_HEIGHT = 7;

const DRAWINGS: Readonly<Record<string, readonly string[]>> = {
  '0': ['.###.', '#...#', '#..##', '#.#.#', '##..#', '#...#', '.###.'],
  '1': ['..#..', '.##..', '..#..', '..#..', '..#..', '..#..', '.###.'],
  '2': ['.###.', '#...#', '....#', '...#.', '..#..', '.#...', '#####'],
  '3': ['#####', '...#.', '..#..', '...#.', '....#', '#...#', '.###.'],
  '4': ['...#.', '..##.', '.#.#.', '#..#.', '#####', '...#.', '...#.'],
  '5': ['#####', '#....', '####.', '....#', '....#', '#...#', '.###.'],
  '6': ['..##.', '.#...', '#....', '####.', '#...#', '#...#', '.###.'],
  '7': ['#####', '....#', '...#.', '..#..', '.#...', '.#...', '.#...'],
  '8': ['.###.', '#...#', '#...#', '.###.', '#...#', '#...#', '.###.'],
  '9': ['.###.', '#...#', '#...#', '.####', '....#', '...#.', '.##..'],
  ':': ['.....', '..#..', '..#..', '.....', '..#..', '..#..', '.....'],
  '.': ['.....', '.....', '.....', '.....', '.....', '.##..', '.##..'],
  '#': ['.#.#.', '.#.#.', '#####', '.#.#.', '#####', '.#.#.', '.#.#.'],
};

const GLYPHS: ReadonlyMap<string, readonly number[]> = new Map(
  Object.entries(DRAWINGS).map(([character, rows]) => [
    character,
    rows.map((row) => [...row].reduce((bits, dot) => bits * 2 + (dot === '#' ? 1 : 0), 0)),
  ]),
);

/** One row of a character as bits, the leftmost dot is bit 4; 0 for a character that was not drawn. */
export function glyphRow(character: string, row: number): number {
  return GLYPHS.get(character)?.[row] ?? 0;
}
