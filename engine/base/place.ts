// Where something is and whereto it looks, and what can be done with such places in place: nothing is made for it.

export interface Place {
  x: number
  y: number
  z: number
  yaw: number
}

export const newPlace = (): Place => ({ x: 0, y: 0, z: 0, yaw: 0 })

/** `to` becomes what it takes to get from one place to another, by the shorter turn. */
export function way(from: Readonly<Place>, end: Readonly<Place>, turn: number, to: Place): void {
  to.x = end.x - from.x
  to.y = end.y - from.y
  to.z = end.z - from.z
  to.yaw = around(end.yaw - from.yaw, turn)
}

/** Goes so many times that way. */
export function go(place: Place, by: Readonly<Place>, times: number): void {
  place.x += by.x * times
  place.y += by.y * times
  place.z += by.z * times
  place.yaw += by.yaw * times
}

/** How far it goes, its turn not counted. */
export const lengthOf = ({ x, y, z }: Readonly<Place>): number => Math.hypot(x, y, z)

/** The shorter way from one yaw to another, of their difference. `turn`: once around. */
export const around = (difference: number, turn: number): number => difference - Math.round(difference / turn) * turn

/** Once around. */
export const turnOf = (yaw: 'degrees' | 'radians' = 'degrees'): number => (yaw === 'radians' ? 2 * Math.PI : 360)
