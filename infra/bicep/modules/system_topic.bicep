metadata description = 'The system topic of one account, which tells of its blobs; deployed to the account\'s own resource group.'

@description('The region of the account.')
param location string

@description('Tags of every resource.')
param tags object

@description('The storage account.')
param accountName string

@description('The account\'s system topic, if it has one: there can be only one. Its identity is left as it is.')
param existingTopicName string

var isMade = empty(existingTopicName)

resource account 'Microsoft.Storage/storageAccounts@2024-01-01' existing = {
  name: accountName
}

// Its own identity delivers: behind a firewall, Service Bus and storage trust Event Grid by no other.
resource made 'Microsoft.EventGrid/systemTopics@2025-02-15' = if (isMade) {
  name: '${accountName}-events'
  location: location
  tags: tags
  identity: { type: 'SystemAssigned' }
  properties: { source: account.id, topicType: 'Microsoft.Storage.StorageAccounts' }
}

resource found 'Microsoft.EventGrid/systemTopics@2025-02-15' existing = if (!isMade) {
  name: isMade ? 'none' : existingTopicName
}

@description('Its name.')
output name string = isMade ? made!.name : existingTopicName

@description('Its resource id.')
output id string = isMade ? made!.id : found!.id

@description('Object id of the identity that delivers.')
output principalId string = isMade ? made!.identity.principalId : found!.identity.principalId
