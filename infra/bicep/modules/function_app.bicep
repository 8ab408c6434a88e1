metadata description = 'One Flex Consumption app with its plan and its host\'s own storage.'

import { privateLink } from 'types.bicep'

@description('The region.')
param location string

@description('Tags of every resource.')
param tags object

@description('The app, as azure.yaml and access.json call it.')
param app string

@description('Name of the function app.')
param name string

@description('Name of the storage account of its host: locks, keys, the package.')
param hostAccountName string

@description('The app\'s user-assigned identity.')
param identity {
  @description('Its name in access.json.')
  name: string

  @description('Resource id.')
  id: string

  @description('Client id.')
  clientId: string

  @description('Object id in Entra ID.')
  principalId: string
}

@description('Memory of an instance: 512, 2048 or 4096 MB, with a quarter of a core, one, or two.')
param instanceMemoryMB (512 | 2048 | 4096)

@description('How many instances there may be.')
@minValue(1)
@maxValue(1000)
param maximumInstanceCount int

@description('How many HTTP requests an instance takes at once; null for an app without any. Azure gives an instance of Python one.')
param httpConcurrency int?

@description('Instances that always run, by the scale group: http, or function:NAME.')
param alwaysReady {
  @description('http, or function:NAME.')
  name: string

  @description('How many.')
  instanceCount: int
}[]

@description('What the app\'s code reads from its environment.')
param settings object

@description('Where telemetry goes.')
param applicationInsightsConnectionString string

@description('Client id of the application that callers sign in to; empty leaves the app\'s functions open.')
param signInClientId string

@description('Private endpoints; null leaves app and host storage reachable over the Internet.')
param privateNetwork privateLink?

@description('Subnet of the apps; empty where the network is public.')
param subnetId string

var roles = loadJsonContent('../access.json').roles
// What the Functions host and the SDKs read; the app's own settings are the caller's.
var hostSettings = {
  AzureWebJobsStorage__accountName: hostAccountName
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: identity.clientId
  APPLICATIONINSIGHTS_CONNECTION_STRING: applicationInsightsConnectionString
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identity.clientId};Authorization=AAD'
  AZURE_CLIENT_ID: identity.clientId
}

module hostAccount 'storage_account.bicep' = {
  name: '${name}-host'
  params: {
    location: location
    tags: tags
    name: hostAccountName
    redundancy: 'Standard_LRS'
    isPrivate: privateNetwork != null
  }
}

module hostEndpoint 'private_endpoint.bicep' = if (privateNetwork != null) {
  name: '${name}-host-endpoint'
  params: {
    location: location
    tags: tags
    resourceId: hostAccount.outputs.id
    resourceName: hostAccountName
    service: 'blob'
    groupId: 'blob'
    privateNetwork: privateNetwork!
  }
}

resource account 'Microsoft.Storage/storageAccounts@2024-01-01' existing = {
  name: hostAccountName

  resource blobs 'blobServices' existing = {
    name: 'default'
  }
}

resource packages 'Microsoft.Storage/storageAccounts/blobServices/containers@2024-01-01' = {
  parent: account::blobs
  name: 'packages'
  dependsOn: [hostAccount]
}

// An account for each app: who takes over one app cannot write another one's package.
resource hosts 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: account
  name: guid(account.id, identity.principalId, roles.hosts.id)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.hosts.id)
    principalId: identity.principalId
    principalType: 'ServicePrincipal'
  }
  dependsOn: [hostAccount]
}

resource plan 'Microsoft.Web/serverfarms@2024-04-01' = {
  name: '${name}-plan'
  location: location
  tags: tags
  kind: 'functionapp'
  sku: { name: 'FC1', tier: 'FlexConsumption' }
  properties: { reserved: true }
}

resource site 'Microsoft.Web/sites@2024-04-01' = {
  name: name
  location: location
  tags: union(tags, { 'azd-service-name': app })
  kind: 'functionapp,linux'
  identity: { type: 'UserAssigned', userAssignedIdentities: { '${identity.id}': {} } }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    // else Key Vault references in settings ask as a system-assigned identity, which there is none
    keyVaultReferenceIdentity: identity.id
    publicNetworkAccess: privateNetwork == null ? 'Enabled' : 'Disabled'
    virtualNetworkSubnetId: empty(subnetId) ? null : subnetId
    functionAppConfig: {
      runtime: { name: 'python', version: '3.13' }
      scaleAndConcurrency: union(
        {
          instanceMemoryMB: instanceMemoryMB
          maximumInstanceCount: maximumInstanceCount
          alwaysReady: alwaysReady
        },
        httpConcurrency == null ? {} : { triggers: { http: { perInstanceConcurrency: httpConcurrency } } }
      )
      deployment: {
        storage: {
          type: 'blobContainer'
          value: '${hostAccount.outputs.blobEndpoint}packages'
          authentication: { type: 'UserAssignedIdentity', userAssignedIdentityResourceId: identity.id }
        }
      }
    }
    siteConfig: { minTlsVersion: '1.2', ftpsState: 'Disabled', http20Enabled: true }
  }
  dependsOn: [packages, hosts, hostEndpoint]

  // One change of the app at a time, its settings last: what is written beside another change may be lost. (What is left out
  // is no link of the chain: each names all that come before it.)

  // Packages are pushed with Entra ID; the passwords of a publishing profile work no more.
  resource noPasswords 'basicPublishingCredentialsPolicies' = {
    name: 'scm'
    properties: { allow: false }
  }

  resource noFtp 'basicPublishingCredentialsPolicies' = {
    name: 'ftp'
    properties: { allow: false }
    dependsOn: [noPasswords]
  }

  // A bearer token is asked for, and nothing is kept: no secret is needed for that. Said of an open API, too: what is left
  // out of a template stays as it was.
  resource signIn 'config' = if (app == 'stac-api') {
    name: 'authsettingsV2'
    properties: {
      platform: { enabled: !empty(signInClientId), runtimeVersion: '~1' }
      globalValidation: {
        requireAuthentication: !empty(signInClientId)
        unauthenticatedClientAction: empty(signInClientId) ? 'AllowAnonymous' : 'Return401'
      }
      httpSettings: { requireHttps: true }
      identityProviders: empty(signInClientId)
        ? {}
        : {
            azureActiveDirectory: {
              enabled: true
              registration: {
                clientId: signInClientId
                openIdIssuer: '${environment().authentication.loginEndpoint}${tenant().tenantId}/v2.0'
              }
              validation: { allowedAudiences: [signInClientId, 'api://${signInClientId}'] }
            }
          }
      login: { tokenStore: { enabled: false } }
    }
    dependsOn: [noFtp]
  }

  resource appSettings 'config' = {
    name: 'appsettings'
    properties: union(hostSettings, settings)
    dependsOn: [noFtp, signIn]
  }
}

module endpoint 'private_endpoint.bicep' = if (privateNetwork != null) {
  name: '${name}-endpoint'
  params: {
    location: location
    tags: tags
    resourceId: site.id
    resourceName: site.name
    service: 'sites'
    groupId: 'sites'
    privateNetwork: privateNetwork!
  }
  dependsOn: [site::appSettings]
}

@description('Resource id of the app.')
output id string = site.id

@description('Name of the app.')
output name string = site.name

@description('Where it answers.')
output url string = 'https://${site.properties.defaultHostName}'
