// The weapons: what a shot does, how often there may be one, and in which directions it goes.

export interface Weapon {
  readonly name: string
  /** Steps from one shot to the next. */
  readonly pauseSteps: number
  readonly damage: number
  readonly range: number
  /** Directions of its rays beside that of the aim, in degrees. */
  readonly rays: readonly number[]
  /** Whether a ray goes on through whom it hits. */
  readonly pierces: boolean
  /** Shots that come with it; 0 = without end. */
  readonly shots: number
}

const PULSE: Weapon = {
  name: 'pulse',
  pauseSteps: 6,
  damage: 9,
  range: 20,
  rays: [0],
  pierces: false,
  shots: 0,
}

const SCATTER: Weapon = {
  name: 'scatter',
  pauseSteps: 22,
  damage: 8,
  range: 12,
  rays: [-13, -8, -3, 3, 8, 13],
  pierces: false,
  shots: 14,
}

const LANCE: Weapon = {
  name: 'lance',
  pauseSteps: 36,
  damage: 55,
  range: 34,
  rays: [0],
  pierces: true,
  shots: 7,
}

/** By the number that is on the wire. */
export const WEAPONS: readonly Weapon[] = [PULSE, SCATTER, LANCE]
export const weaponOf = (number: number): Weapon => WEAPONS[number] ?? PULSE
