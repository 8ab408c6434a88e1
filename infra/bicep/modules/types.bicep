@export()
@description('One row of access.json, flattened: who may do what on which entity.')
type grant = {
  @description('The identity, by its name in access.json.')
  identity: string

  @description('The verb of access.json: receives, sends, reads, writes, signs, delegates, keeps, fetches, publishes, reports, hosts.')
  verb: string

  @description('The entity: topic/subscription, topic, kind of containers, container, Event Grid topic.')
  on: string
}

@export()
@description('The object id and kind of each identity, by its name in access.json. Azure knows an assignment by scope, role and principal, and so do we: the object id is in its name. Made anew, an identity is another one.')
type principals = {
  @description('One identity.')
  *: {
    @description('Object id in Entra ID.')
    id: string

    @description('What it is in Entra ID.')
    type: 'ServicePrincipal' | 'User' | 'Group'
  }
}

@export()
@description('A storage account that exists already.')
type existingAccount = {
  @description('Its name.')
  name: string

  @description('Its resource group.')
  resourceGroup: string

  @description('Its subscription; this one if left out.')
  subscriptionId: string?

  @description('Its region; that of the deployment if left out. Its system topic has to be there.')
  location: string?
}

@export()
@description('Somebody in Entra ID.')
type person = {
  @description('Object id in Entra ID.')
  objectId: string

  @description('The name by which PostgreSQL knows it: the user principal name, or the name of the group or application.')
  principalName: string

  @description('What it is in Entra ID.')
  principalType: 'User' | 'Group' | 'ServicePrincipal'
}

@export()
@description('Where private endpoints go; absent where the network is public.')
type privateLink = {
  @description('The subnet of the endpoints.')
  subnetId: string

  @description('Private DNS zones by the service: blob, servicebus, postgres, eventgrid, sites.')
  zoneIds: {
    @description('Resource id of a zone.')
    *: string
  }
}
