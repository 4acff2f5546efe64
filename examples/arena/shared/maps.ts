// The arenas: their walls, and what stands where. Server, bots and page read the same tables, so a map never goes over
// the wire. Everything lies on the XZ plane around (0, 0); lengths are in units, a player is 1.2 across.
import { randomFrom } from './random.ts'

/** An upright wall: its middle, and half of its width and depth. */
export interface Box {
  readonly x: number
  readonly z: number
  readonly halfWidth: number
  readonly halfDepth: number
}

export interface Pillar {
  readonly x: number
  readonly z: number
  readonly radius: number
}

/** Who stands in it goes to the arena of that kind. */
export interface Portal {
  readonly x: number
  readonly z: number
  readonly to: number
}

export interface Spot {
  readonly x: number
  readonly z: number
}

/** How many of each kind of monster there are at a time. */
export interface Brood {
  readonly mites: number
  readonly stalkers: number
  readonly brutes: number
}

export interface ArenaMap {
  /** The kind of its space. */
  readonly kind: number
  readonly name: string
  readonly halfWidth: number
  readonly halfDepth: number
  readonly boxes: readonly Box[]
  readonly pillars: readonly Pillar[]
  readonly portals: readonly Portal[]
  /** Where players begin. */
  readonly starts: readonly Spot[]
  /** Where pickups lie. */
  readonly pads: readonly Spot[]
  /** Where monsters come out of the ground. */
  readonly nests: readonly Spot[]
  readonly brood: Brood
}

export const PORTAL_RADIUS = 1.6
/** How far players see: all of the first arena, and no more than a corner of the last. */
export const SIGHT = 44
export const COURT = 1
export const FOUNDRY = 2
export const WILDS = 3

const box = (x: number, z: number, halfWidth: number, halfDepth: number): Box => ({ x, z, halfWidth, halfDepth })
const pillar = (x: number, z: number, radius: number): Pillar => ({ x, z, radius })
const spot = (x: number, z: number): Spot => ({ x, z })

/** The same in all four quarters. */
const inQuarters = <T extends Spot>(...ones: T[]): T[] =>
  [-1, 1].flatMap((sx) => [-1, 1].flatMap((sz) => ones.map((one) => ({ ...one, x: one.x * sx, z: one.z * sz }))))

const court: ArenaMap = {
  kind: COURT,
  name: 'The Court',
  halfWidth: 30,
  halfDepth: 24,
  boxes: [
    ...inQuarters(box(14, 8, 4, 0.9), box(17.1, 11.5, 0.9, 4.4), box(23, 3.5, 0.9, 2.5)),
    box(0, 17, 5, 0.9),
    box(0, -17, 5, 0.9),
  ],
  pillars: [pillar(0, 0, 3.2), ...inQuarters(pillar(7.5, 12.5, 1.3), pillar(24.5, 18.5, 1.6))],
  portals: [
    { x: -27, z: 0, to: FOUNDRY },
    { x: 27, z: 0, to: WILDS },
  ],
  starts: [...inQuarters(spot(27, 21), spot(8, 21)), spot(0, 8), spot(0, -8)],
  pads: [spot(0, 6), spot(0, -6), spot(14.5, 11.5), spot(-14.5, -11.5), spot(0, 20.5), spot(0, -20.5)],
  nests: inQuarters(spot(21.5, 15), spot(10, 4)),
  brood: { mites: 5, stalkers: 1, brutes: 0 },
}

const foundry: ArenaMap = {
  kind: FOUNDRY,
  name: 'The Foundry',
  halfWidth: 44,
  halfDepth: 28,
  boxes: [
    ...inQuarters(box(10, 6, 1.2, 3.6), box(20, 14, 6, 1), box(31, 7, 1, 5), box(6, 19, 3, 1)),
    box(0, 0, 5.5, 1),
    box(22, 0, 2.2, 2.2),
    box(-22, 0, 2.2, 2.2),
  ],
  pillars: inQuarters(pillar(14, 22, 1.6), pillar(37, 18, 2.2), pillar(38, 4.5, 1)),
  portals: [
    { x: 41, z: 0, to: COURT },
    { x: -41, z: 0, to: WILDS },
  ],
  starts: inQuarters(spot(41, 25), spot(26, 24), spot(3, 11)),
  pads: [spot(0, 4), spot(0, -4), spot(27, 10.5), spot(-27, -10.5), spot(-27, 10.5), spot(27, -10.5), spot(0, 24)],
  nests: inQuarters(spot(34, 13), spot(16, 10)),
  brood: { mites: 6, stalkers: 3, brutes: 1 },
}

const WILDS_HALF = 90
const WILDS_STARTS = inQuarters(spot(12, 12), spot(38, 30), spot(60, 14), spot(22, 62))
const WILDS_PADS = [...inQuarters(spot(28, 8), spot(50, 48), spot(8, 40), spot(72, 70)), spot(0, 16), spot(0, -16)]
const WILDS_NESTS = inQuarters(spot(32, 44), spot(58, 34), spot(70, 6), spot(14, 72), spot(48, 74))
const WILDS_PORTALS = [
  { x: 0, z: -6, to: COURT },
  { x: 0, z: 6, to: FOUNDRY },
]

const wilds: ArenaMap = {
  kind: WILDS,
  name: 'The Wilds',
  halfWidth: WILDS_HALF,
  halfDepth: WILDS_HALF,
  ...scattered(20_260, [...WILDS_STARTS, ...WILDS_PADS, ...WILDS_NESTS, ...WILDS_PORTALS]),
  portals: WILDS_PORTALS,
  starts: WILDS_STARTS,
  pads: WILDS_PADS,
  nests: WILDS_NESTS,
  brood: { mites: 22, stalkers: 9, brutes: 4 },
}

/** Rocks and ruins as a seed has it, none on a spot that must be free, with room to pass between any two. */
function scattered(seed: number, free: readonly Spot[]): Pick<ArenaMap, 'boxes' | 'pillars'> {
  const random = randomFrom(seed)
  const boxes: Box[] = []
  const pillars: Pillar[] = []
  const taken = free.map(({ x, z }) => pillar(x, z, 2.5))
  for (let tries = 0; tries < 900 && boxes.length + pillars.length < 110; tries++) {
    const x = Math.round((random() * 2 - 1) * (WILDS_HALF - 7))
    const z = Math.round((random() * 2 - 1) * (WILDS_HALF - 7))
    const isRuin = random() < 0.4
    const long = 1.5 + Math.round(random() * 8) / 2
    const isUpright = random() < 0.5
    const radius = isRuin ? long + 1 : 1 + Math.round(random() * 6) / 4
    if (taken.some((one) => Math.hypot(one.x - x, one.z - z) < one.radius + radius + 2)) continue
    taken.push(pillar(x, z, radius))
    if (isRuin) boxes.push(box(x, z, isUpright ? 1 : long, isUpright ? long : 1))
    else pillars.push(pillar(x, z, radius))
  }
  return { boxes, pillars }
}

export const MAPS: readonly ArenaMap[] = [court, foundry, wilds]

/** The map of a space's kind; that of the first arena where there is none. */
export const mapOf = (kind: number): ArenaMap => MAPS.find((one) => one.kind === kind) ?? court
