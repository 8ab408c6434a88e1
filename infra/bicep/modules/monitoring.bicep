metadata description = 'Where logs, requests and metrics go, and which app may write there.'

import { grant, principals } from 'types.bicep'

@description('The region.')
param location string

@description('Tags of every resource.')
param tags object

@description('Name of the workspace and of Application Insights.')
param name string

@description('Days for which logs are kept.')
@minValue(30)
@maxValue(730)
param retentionDays int

@description('Gigabytes of logs a day after which the rest of the day is dropped; -1 for no limit.')
param dailyCapGB int

@description('Rows of access.json: `reports` is granted here.')
param grants grant[]

@description('Who the identities are.')
param principalsByName principals

var roles = loadJsonContent('../access.json').roles
var reporters = filter(grants, row => row.verb == 'reports')

resource workspace 'Microsoft.OperationalInsights/workspaces@2023-09-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    sku: { name: 'PerGB2018' }
    retentionInDays: retentionDays
    workspaceCapping: { dailyQuotaGb: dailyCapGB }
    features: { disableLocalAuth: true }
  }
}

resource insights 'Microsoft.Insights/components@2020-02-02' = {
  name: name
  location: location
  tags: tags
  kind: 'web'
  properties: {
    Application_Type: 'web'
    WorkspaceResourceId: workspace.id
    DisableLocalAuth: true
  }
}

resource reports 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for row in reporters: {
    scope: insights
    name: guid(insights.id, principalsByName[row.identity].id, roles.reports.id)
    properties: {
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.reports.id)
      principalId: principalsByName[row.identity].id
      principalType: principalsByName[row.identity].type
    }
  }
]

@description('Resource id of the workspace.')
output workspaceId string = workspace.id

@description('Resource id of Application Insights.')
output insightsId string = insights.id

@description('How the apps find Application Insights; it grants nothing without an identity.')
output connectionString string = insights.properties.ConnectionString
