// Runs the bots that a game brings: its module finds 'goworld' wherever the game lives, and the flags after its path.
import { pathToFileURL } from 'node:url'
import { openDoor } from '../game/door.ts'

openDoor()
const [module] = process.argv.splice(2, 1)
await import(pathToFileURL(module!).href)
