// Processes by the names that the table of `goworld status` has for them, as they stand behind the folder on a command line.
import { OperatorError } from '../../engine/base/errors.ts'
import { nameOf, type ProcessId, type Role } from '../process/run-folder.ts'

/** `game2`. Throws OperatorError for what is none of these roles. */
export function readProcess<R extends Role>(word: string, roles: readonly R[]): ProcessId & { readonly role: R } {
  const role = roles.find((one) => word.startsWith(one))
  const id = role === undefined ? Number.NaN : Number(word.slice(role.length))
  if (role !== undefined && nameOf({ role, id }) === word && id >= 1) return { role, id }
  throw new OperatorError(`${JSON.stringify(word)} is no process: name it as in game1, gate1 or dispatcher1`)
}

export const isSame = (one: ProcessId, other: ProcessId): boolean => one.role === other.role && one.id === other.id
