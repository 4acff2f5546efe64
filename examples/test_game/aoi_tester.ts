// Comes and goes in one turn, to show that clients hear of both.
import { attr, entity } from 'goworld'

export class AOITester extends entity({ aoi: 100, attrs: { name: attr('', 'allClients') } }) {}
