// The kinds of monsters: how big, how quick, how strong. The page draws by it, the server plays by it.

export interface MonsterKind {
  readonly name: string
  readonly radius: number
  readonly hp: number
  /** Units a second, while it hunts. */
  readonly speed: number
  /** How near it must be to strike. */
  readonly reach: number
  /** How long it shows that it is about to strike, how long the strike lasts, how long it rests from it. */
  readonly windUpMs: number
  readonly strikeMs: number
  readonly restMs: number
  /** Units a second while it strikes: who leaps, leaps straight on. */
  readonly leap: number
  readonly damage: number
  /** What whoever kills it is given. */
  readonly points: number
}

export const MITE = 0
export const STALKER = 1
export const BRUTE = 2

/** By the number that is on the wire. */
export const MONSTERS: readonly MonsterKind[] = [
  {
    name: 'mite',
    radius: 0.55,
    hp: 18,
    speed: 5,
    reach: 0.7,
    windUpMs: 150,
    strikeMs: 100,
    restMs: 500,
    leap: 5,
    damage: 7,
    points: 1,
  },
  {
    name: 'stalker',
    radius: 0.75,
    hp: 45,
    speed: 4.4,
    reach: 6,
    windUpMs: 450,
    strikeMs: 350,
    restMs: 900,
    leap: 17,
    damage: 18,
    points: 3,
  },
  {
    name: 'brute',
    radius: 1.3,
    hp: 190,
    speed: 2.9,
    reach: 2.2,
    windUpMs: 700,
    strikeMs: 100,
    restMs: 1000,
    leap: 0,
    damage: 34,
    points: 8,
  },
]

export const monsterKindOf = (number: number): MonsterKind => MONSTERS[number] ?? MONSTERS[MITE]!

/** What a monster is at, as its eyes show. */
export const MOOD = { roams: 0, hunts: 1, windsUp: 2, strikes: 3, rests: 4 } as const
