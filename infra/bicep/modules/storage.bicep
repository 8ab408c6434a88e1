metadata description = 'Containers of a storage account, made here or there already, and who may use them.'

import { grant, principals } from 'types.bicep'

@description('The account. It is there already, in the resource group that this module is deployed to.')
param accountName string

@description('Containers that are made; others have to be there already.')
param containersToMake string[]

@description('The containers that a grant can name, by their kind.')
param containersByKind {
  @description('Names of the containers of one kind.')
  *: string[]
}

@description('Verbs of access.json that are granted here: `reads` and `writes`, `signs` and `delegates`, or `keeps` and `fetches`.')
param verbs string[]

@description('Rows of access.json.')
param grants grant[]

@description('Who the identities are.')
param principalsByName principals

var roles = loadJsonContent('../access.json').roles
var wanted = flatten(map(
  filter(grants, row => contains(verbs, row.verb) && row.verb != 'delegates'),
  row => map(containersByKind[row.on], container => { identity: row.identity, verb: row.verb, container: container })
))
// a right on the account itself: to ask for keys that sign for what its holder may do anyhow
var delegations = filter(grants, row => contains(verbs, row.verb) && row.verb == 'delegates')
var containers = union(flatten(map(items(containersByKind), kind => kind.value)), [])

resource account 'Microsoft.Storage/storageAccounts@2024-01-01' existing = {
  name: accountName

  resource blobs 'blobServices' existing = {
    name: 'default'

    resource container 'containers' existing = [
      for name in containers: {
        name: name
      }
    ]
  }
}

resource made 'Microsoft.Storage/storageAccounts/blobServices/containers@2024-01-01' = [
  for name in containersToMake: {
    parent: account::blobs
    name: name
    properties: { publicAccess: 'None' }
  }
]

resource access 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for row in wanted: {
    scope: account::blobs::container[indexOf(containers, row.container)]
    name: guid(account.id, row.container, principalsByName[row.identity].id, roles[row.verb].id)
    properties: {
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles[row.verb].id)
      principalId: principalsByName[row.identity].id
      principalType: principalsByName[row.identity].type
    }
    dependsOn: [made]
  }
]

resource delegation 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for row in delegations: {
    scope: account
    name: guid(account.id, principalsByName[row.identity].id, roles[row.verb].id)
    properties: {
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles[row.verb].id)
      principalId: principalsByName[row.identity].id
      principalType: principalsByName[row.identity].type
    }
  }
]

@description('Resource id of the account.')
output accountId string = account.id

@description('Its blob endpoint.')
output blobEndpoint string = account.properties.primaryEndpoints.blob
