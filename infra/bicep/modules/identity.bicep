metadata description = 'One managed identity for each app, and one for each way that Event Grid delivers.'

@description('The region.')
param location string

@description('Tags of every resource.')
param tags object

@description('What comes before an identity\'s own name.')
param prefix string

@description('The identities to make, by their names in access.json.')
param names string[]

resource identities 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = [
  for name in names: {
    name: '${prefix}-${name}'
    location: location
    tags: tags
  }
]

@description('What each identity is, in the order of `names`.')
output identities {
  name: string
  id: string
  clientId: string
  principalId: string
}[] = [
  for (name, i) in names: {
    name: name
    id: identities[i].id
    clientId: identities[i].properties.clientId
    principalId: identities[i].properties.principalId
  }
]
