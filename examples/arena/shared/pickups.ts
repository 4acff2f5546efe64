// What lies on the pads, by the number that is on the wire.

export const HEART = 0
export const SCATTER_GUN = 1
export const LANCE_GUN = 2

export const PICKUP_KINDS = [HEART, SCATTER_GUN, LANCE_GUN] as const
/** How near one has to come to take it. */
export const PICKUP_REACH = 1.3
export const HEART_HP = 40
export const HP_MAX = 100
