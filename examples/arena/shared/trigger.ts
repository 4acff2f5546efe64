// When a shot leaves: the server decides by it, and the page and the bots know without asking.
import { type Controls, FIRE } from './step.ts'

/** Steps until the next shot may be. */
export interface Trigger {
  pause: number
}

/** One step of it. Answers whether a shot leaves now; whoever fires sets the pause of the weapon. */
export function pull(trigger: Trigger, controls: Controls): boolean {
  if (trigger.pause > 0) trigger.pause--
  return trigger.pause === 0 && (controls.buttons & FIRE) !== 0
}
