// The colours of the page: of players, of monsters, and of each arena.
import { COURT, FOUNDRY, WILDS } from '../shared/maps.ts'

/** By the number that is on the wire. */
export const PLAYER_COLORS = [
  '#ff6b61',
  '#ffb03a',
  '#c8ee5a',
  '#4fe3a1',
  '#4fd8ff',
  '#7da2ff',
  '#b78bff',
  '#ff7cc4',
  '#e9dcb8',
  '#ffffff',
] as const

export const colorOf = (number: number): string => PLAYER_COLORS[number] ?? '#c2cbdc'

/** By kind: mite, stalker, brute. */
export const MONSTER_COLORS = ['#ff3f6c', '#d34dff', '#ff7a2f'] as const
/** By kind: heart, scatter, lance. */
export const PICKUP_COLORS = ['#59f0a4', '#ffc14a', '#7db4ff'] as const

export interface Theme {
  readonly accent: string
  readonly ground: string
  readonly light: string
  readonly marks: string
  readonly wallTop: string
  readonly wallNear: string
  readonly wallFar: string
  readonly outside: string
}

const THEMES: Readonly<Record<number, Theme>> = {
  [COURT]: {
    accent: '#4fd8ff',
    ground: '#0b111c',
    light: '#1d3a5c',
    marks: '#1b2a3f',
    wallTop: '#1a2740',
    wallNear: '#101a2c',
    wallFar: '#0a111e',
    outside: '#05080d',
  },
  [FOUNDRY]: {
    accent: '#ffb454',
    ground: '#14100d',
    light: '#4a2c14',
    marks: '#33261b',
    wallTop: '#33261c',
    wallNear: '#211811',
    wallFar: '#150f0b',
    outside: '#080605',
  },
  [WILDS]: {
    accent: '#8ff0a8',
    ground: '#0a1311',
    light: '#17402f',
    marks: '#183028',
    wallTop: '#1a332c',
    wallNear: '#10211d',
    wallFar: '#0a1613',
    outside: '#040807',
  },
}

export const themeOf = (kind: number): Theme => THEMES[kind] ?? THEMES[COURT]!
