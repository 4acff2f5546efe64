// GoWorld's test game: everything the engine can do, for `test_client` to try.
import { game, PublishSubscribeService } from 'goworld'
import { Account } from './account.ts'
import { AOITester } from './aoi_tester.ts'
import { Avatar } from './avatar.ts'
import { MailService } from './mail_service.ts'
import { Monster } from './monster.ts'
import { MySpace } from './my_space.ts'
import { OnlineService } from './online_service.ts'
import { SpaceService } from './space_service.ts'

export default game(
  [Account, Avatar, Monster, AOITester, MySpace, OnlineService, SpaceService, MailService, PublishSubscribeService],
  { nilSpace: MySpace },
)
