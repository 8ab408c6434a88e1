metadata description = 'A storage account without keys.'

@description('The region.')
param location string

@description('Tags of every resource.')
param tags object

@description('Name of the account.')
param name string

@description('How many copies are kept, and where.')
param redundancy ('Standard_LRS' | 'Standard_ZRS' | 'Standard_GRS')

@description('With directories (Data Lake).')
param hierarchicalNamespace bool = false

@description('Reached through a private endpoint only; else over the Internet, too, by Entra ID only.')
param isPrivate bool

@description('Days for which a deleted blob can be restored; 0 for none.')
param restoreDays int = 0

@description('What is deleted when nobody has written it for some days: blobs by the beginning of container/path.')
param expiring {
  @description('Name of the rule.')
  name: string

  @description('Container, slash, beginning of the path.')
  prefix: string

  @description('Days since the blob was written.')
  days: int
}[] = []

resource account 'Microsoft.Storage/storageAccounts@2024-01-01' = {
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: { name: redundancy }
  properties: {
    allowBlobPublicAccess: false
    allowSharedKeyAccess: false
    defaultToOAuthAuthentication: true
    isHnsEnabled: hierarchicalNamespace
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    // Event Grid writes dead letters as a trusted service; it has no private route.
    publicNetworkAccess: 'Enabled'
    networkAcls: { bypass: 'AzureServices', defaultAction: isPrivate ? 'Deny' : 'Allow' }
  }

  resource blobs 'blobServices' = {
    name: 'default'
    properties: restoreDays == 0
      ? {}
      : {
          deleteRetentionPolicy: { enabled: true, days: restoreDays }
          containerDeleteRetentionPolicy: { enabled: true, days: restoreDays }
        }
  }
}

// An account has one policy: only an account that is made here gets it.
resource lifecycle 'Microsoft.Storage/storageAccounts/managementPolicies@2024-01-01' = if (!empty(expiring)) {
  parent: account
  name: 'default'
  properties: {
    policy: {
      rules: [
        for rule in expiring: {
          name: rule.name
          enabled: true
          type: 'Lifecycle'
          definition: {
            filters: { blobTypes: ['blockBlob'], prefixMatch: [rule.prefix] }
            actions: { baseBlob: { delete: { daysAfterModificationGreaterThan: rule.days } } }
          }
        }
      ]
    }
  }
}

@description('Resource id of the account.')
output id string = account.id

@description('Name of the account.')
output name string = account.name

@description('Its blob endpoint.')
output blobEndpoint string = account.properties.primaryEndpoints.blob
