// A shooter in a 2D world: players, monsters that hunt, three arenas with portals between them. The page that plays it is
// in web/, what server and page have in common in shared/, and who plays when nobody does in bots.ts.
import { game } from 'goworld'
import { Account } from './account.ts'
import { ArenaSpace } from './arena_space.ts'
import { Lobby } from './lobby.ts'
import { Monster } from './monster.ts'
import { Pickup } from './pickup.ts'
import { Player } from './player.ts'

export { Account, ArenaSpace, Lobby, Monster, Pickup, Player }

export default game([Account, Player, Monster, Pickup, ArenaSpace, Lobby])
