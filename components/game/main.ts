// Runs a game: `test_game -gid 1`. The launcher of the game puts the path of its module first.
import '../signals.ts'
import { knowOwnModules } from '../process/own-modules.ts'

knowOwnModules()
await import('./program.ts')
